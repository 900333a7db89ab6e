/** supervisor_SUITE: a supervisor's options are changed while its children run. */
import { expect } from 'vitest'
import { exitReasonOf, type SupervisorOptions } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake, fakeChild } from './fake-child.ts'
import {
  countsOf,
  crashes,
  expectAlive,
  expectCode,
  expectExit,
  idsOf,
  isRunning,
  refOf,
  started,
  startedRig,
} from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const

/** Children are kept, changed and added; what is wrong changes nothing. */
async function expectChanges(flags: SupervisorOptions): Promise<void> {
  const { supervisor } = await startedRig(flags)
  expect(supervisor.whichChildren()).toEqual([])

  const faulty = { id: 'faulty_child' } as never
  await expectCode(supervisor.change({ ...flags, children: [faulty] }), 'SUPERVISOR_SPEC_INVALID', {
    reason: 'missing_logic',
  })
  expect(supervisor.whichChildren()).toEqual([])

  const second = fake('child2')
  await supervisor.change({ ...flags, children: [fake('child1', { shutdown: 2000 }), second] })
  // They are not started by the change.
  expect(countsOf(supervisor)).toEqual([2, 0, 0, 2])
  await supervisor.restartChild('child1')
  await supervisor.restartChild('child2')
  expect(idsOf(supervisor)).toEqual(['child1', 'child2'])
  expect(supervisor.getChildSpec('child1')).toMatchObject({ shutdown: 2000 })
  const refs = [refOf(supervisor, 'child1'), refOf(supervisor, 'child2')] as const

  // child1 is changed, child2 removed, child3 added: a removed child stays.
  await supervisor.change({ ...flags, children: [fake('child1', { shutdown: 1000 }), fake('child3')] })
  expect(idsOf(supervisor)).toEqual(['child1', 'child3', 'child2'])
  expect(supervisor.getChildSpec('child1')).toMatchObject({ shutdown: 1000 })
  expect(refOf(supervisor, 'child1')).toBe(refs[0])
  expect(refOf(supervisor, 'child2')).toBe(refs[1])
  expectAlive(...refs)
  expect(supervisor.getChild('child3')).toMatchObject({ ref: undefined, state: 'stopped' })

  const invalid = { ...flags, intensity: 'faulty_intensity' as never, children: [fake('child4')] }
  await expectCode(supervisor.change(invalid), 'SUPERVISOR_SPEC_INVALID', { reason: 'invalid_intensity' })
  expect(idsOf(supervisor)).toEqual(['child1', 'child3', 'child2'])
  expectAlive(...refs)
  await supervisor.stop()
  await expectExit(supervisor)
  expect(refs.map(exitReasonOf)).toEqual(['shutdown', 'shutdown'])
}

conformanceCase(
  {
    ...same,
    name: 'code_change',
    holds: 'new flags hold at once; known ids keep their actor, removed ones run on, added ones are not started',
  },
  async () => {
    await expectChanges({ strategy: 'one_for_one', intensity: 0, periodMs: 1000 })

    const { supervisor } = await startedRig({ intensity: 0, periodMs: 1000, children: [fake('child1')] })
    await supervisor.change({ strategy: 'one_for_one', intensity: 1, periodMs: 3000, children: [fake('child1')] })
    await crashes(refOf(supervisor, 'child1'))
    expect(isRunning(supervisor)).toBe(true)
    await crashes(refOf(supervisor, 'child1'))
    await expectExit(supervisor)
  },
)

conformanceCase(
  { ...same, name: 'code_change_map', holds: 'the same where all flags are left to their defaults' },
  async () => {
    await expectChanges({})

    const { supervisor, pass } = await startedRig({ children: [fake('child1')] })
    await supervisor.change({ intensity: 1, periodMs: 3000, children: [fake('child1')] })
    await crashes(refOf(supervisor, 'child1'))
    await pass(4100)
    await crashes(refOf(supervisor, 'child1'))
    expect(isRunning(supervisor)).toBe(true)
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
  },
)

for (const { name, flags } of [
  { name: 'code_change_simple', flags: { strategy: 'simple_one_for_one', intensity: 0, periodMs: 1000 } },
  { name: 'code_change_simple_map', flags: { strategy: 'simple_one_for_one' } },
] as const) {
  conformanceCase(
    { ...same, name, holds: 'the template of dynamic children may change; it cannot be made two, nor none' },
    async () => {
      const template = { logic: fakeChild, shutdown: 'brutal' } as const
      const { supervisor } = await startedRig({ ...flags, child: template })
      const child = await started(supervisor, [])
      const [{ id } = { id: '' }] = supervisor.whichChildren()

      await supervisor.change({ ...flags, child: { ...template, shutdown: 1000 } })
      expect(supervisor.getChildSpec(id)).toMatchObject({ shutdown: 1000 })
      expectAlive(child)

      const two = { ...flags, child: template, children: [fake('child1'), fake('child2')] }
      await expectCode(supervisor.change(two), 'SUPERVISOR_SPEC_INVALID')
      await expectCode(supervisor.change({ ...flags, children: [] }), 'SUPERVISOR_SPEC_INVALID')
      expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
      expect(supervisor.getChildSpec(id)).toMatchObject({ shutdown: 1000 })

      await supervisor.stop()
      await expectExit(supervisor)
      // The changed spec holds for a child that was started before.
      expect(exitReasonOf(child)).toBe('shutdown')
    },
  )
}
