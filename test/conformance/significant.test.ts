/** supervisor_SUITE: auto_shutdown, and which exits of which children are significant to it. */
import { expect } from 'vitest'
import { type ChildSpec, exitReasonOf, supervisorMachine, supervisorOf } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake } from './fake-child.ts'
import {
  crashes,
  died,
  exits,
  expectAlive,
  expectExit,
  idsOf,
  isRunning,
  refOf,
  started,
  startedRig,
} from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const
const modes = ['never', 'any_significant', 'all_significant'] as const

/** Three children, of which the third is not significant. */
function three(restart: 'temporary' | 'transient'): ChildSpec[] {
  return [1, 2, 3].map((index) => fake(`child${index}`, { restart, significant: index < 3 }))
}

async function threeOf(restart: 'temporary' | 'transient', autoShutdown: (typeof modes)[number]) {
  const { supervisor } = await startedRig({ intensity: 5, autoShutdown })
  const refs = []
  for (const spec of three(restart)) refs.push(await started(supervisor, spec))
  const [first, second, third] = refs as [(typeof refs)[0], (typeof refs)[0], (typeof refs)[0]]
  return { supervisor, first, second, third }
}

conformanceCase(
  {
    ...same,
    name: 'nonsignificant_temporary',
    holds: 'no exit of a temporary child that is not significant ends the supervisor, in any mode',
  },
  async () => {
    for (const autoShutdown of modes) {
      const { supervisor } = await startedRig({ autoShutdown })
      const child = fake('child1', { restart: 'temporary', significant: false })
      await started(supervisor, child)
      await supervisor.terminateChild('child1')
      expect(isRunning(supervisor)).toBe(true)
      for (const reason of ['killed', 'abnormal', 'normal']) {
        await exits(await started(supervisor, child), reason)
        expect(isRunning(supervisor)).toBe(true)
        expect(idsOf(supervisor)).toEqual([])
      }
      await supervisor.stop()
      await expectExit(supervisor)
    }
  },
)

conformanceCase(
  {
    ...same,
    name: 'nonsignificant_transient',
    holds: 'no exit of a transient child that is not significant ends the supervisor, in any mode',
  },
  async () => {
    for (const autoShutdown of modes) {
      const { supervisor } = await startedRig({ intensity: 5, autoShutdown })
      await supervisor.startChild(fake('child1', { restart: 'transient', significant: false }))
      await supervisor.terminateChild('child1')
      expect(isRunning(supervisor)).toBe(true)
      await supervisor.restartChild('child1')
      for (const reason of ['killed', 'abnormal']) {
        const ref = refOf(supervisor, 'child1')
        await exits(ref, reason)
        expect(isRunning(supervisor)).toBe(true)
        expect(refOf(supervisor, 'child1')).not.toBe(ref)
      }
      await exits(refOf(supervisor, 'child1'), 'normal')
      expect(isRunning(supervisor)).toBe(true)
      expect(supervisor.getChild('child1')?.ref).toBeUndefined()
      await supervisor.stop()
      await expectExit(supervisor)
    }
  },
)

conformanceCase(
  {
    ...same,
    name: 'significant_temporary',
    holds: 'any own exit of a temporary significant child counts, its termination by the supervisor does not',
  },
  async () => {
    const any = await threeOf('temporary', 'any_significant')
    await any.supervisor.terminateChild('child1')
    expect(exitReasonOf(any.first)).toBe('shutdown')
    expectAlive(any.second, any.third)
    expect(isRunning(any.supervisor)).toBe(true)
    await exits(await started(any.supervisor, three('temporary')[0]), 'killed')
    await expectExit(any.supervisor)
    expect([any.second, any.third].map(exitReasonOf)).toEqual(['shutdown', 'shutdown'])

    for (const reason of ['abnormal', 'normal']) {
      const { supervisor, first, second, third } = await threeOf('temporary', 'any_significant')
      await exits(first, reason)
      await expectExit(supervisor)
      expect([second, third].map(exitReasonOf)).toEqual(['shutdown', 'shutdown'])
    }
    const crashed = await threeOf('temporary', 'any_significant')
    await crashes(crashed.first)
    await expectExit(crashed.supervisor)

    const all = await threeOf('temporary', 'all_significant')
    await exits(all.first, 'normal')
    expectAlive(all.second, all.third)
    expect(isRunning(all.supervisor)).toBe(true)
    await exits(all.second, 'normal')
    await expectExit(all.supervisor)
    expect(exitReasonOf(all.third)).toBe('shutdown')
  },
)

conformanceCase(
  {
    ...same,
    name: 'significant_transient',
    holds: 'only a normal exit of a transient significant child counts: a crashed one is restarted',
  },
  async () => {
    const any = await threeOf('transient', 'any_significant')
    await any.supervisor.terminateChild('child1')
    expectAlive(any.second, any.third)
    expect(isRunning(any.supervisor)).toBe(true)
    await any.supervisor.restartChild('child1')
    for (const reason of ['killed', 'abnormal', died]) {
      const ref = refOf(any.supervisor, 'child1')
      await (reason === died ? crashes(ref) : exits(ref, reason))
      expect(refOf(any.supervisor, 'child1')).not.toBe(ref)
      expectAlive(any.second, any.third)
      expect(isRunning(any.supervisor)).toBe(true)
    }
    await exits(refOf(any.supervisor, 'child1'), 'normal')
    await expectExit(any.supervisor)
    expect([any.second, any.third].map(exitReasonOf)).toEqual(['shutdown', 'shutdown'])

    const all = await threeOf('transient', 'all_significant')
    await exits(all.first, 'normal')
    expectAlive(all.second, all.third)
    expect(isRunning(all.supervisor)).toBe(true)
    await exits(all.second, 'normal')
    await expectExit(all.supervisor)
    expect(exitReasonOf(all.third)).toBe('shutdown')
  },
)

conformanceCase(
  {
    ...same,
    name: 'significant_bystander',
    holds: 'a significant child that goes with a crashed sibling does not end the supervisor',
  },
  async () => {
    for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one'] as const) {
      for (const autoShutdown of ['any_significant', 'all_significant'] as const) {
        const { supervisor } = await startedRig({ strategy, intensity: 5, autoShutdown })
        const refs = []
        for (const [id, significant] of [
          ['child1', true],
          ['child2', false],
          ['child3', true],
        ] as const) {
          refs.push(await started(supervisor, fake(id, { restart: 'transient', significant })))
        }
        await exits(refs[1] as (typeof refs)[0], 'killed')
        const ended = { one_for_one: [1], one_for_all: [0, 1, 2], rest_for_one: [1, 2] }[strategy]
        expect(refs.flatMap((ref, index) => (exitReasonOf(ref) === undefined ? [] : [index]))).toEqual(ended)
        expect(isRunning(supervisor)).toBe(true)
        expect(supervisor.countChildren()).toMatchObject({ specs: 3, active: 3 })
        await supervisor.stop()
        await expectExit(supervisor)
      }
    }
  },
)

conformanceCase(
  {
    ...same,
    name: 'significant_escalation',
    holds: 'C ends B, and B ends A where B is significant to A; not where it is not',
  },
  async () => {
    for (const significant of [true, false]) {
      const { supervisor: a } = await startedRig({ autoShutdown: 'any_significant' })
      const inner = await started(a, {
        id: 'sup1',
        logic: supervisorMachine,
        input: { autoShutdown: 'any_significant' },
        restart: 'transient',
        type: 'supervisor',
        significant,
      })
      const b = supervisorOf(inner)
      const c = await started(b, fake('child1', { restart: 'transient', significant: true }))
      await exits(c, 'normal')
      await expectExit(b)
      if (significant) await expectExit(a)
      else {
        expect(isRunning(a)).toBe(true)
        await a.stop()
        await expectExit(a)
      }
    }
  },
)
