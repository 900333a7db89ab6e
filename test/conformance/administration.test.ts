/** supervisor_SUITE: what a supervisor answers to those who start, end, restart, delete, list and count its children. */
import { expect } from 'vitest'
import { createActor } from 'xstate'
import { createSupervisor, exitReasonOf } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake, fakeChild } from './fake-child.ts'
import {
  countsOf,
  crashes,
  expectAlive,
  expectCode,
  idsOf,
  refOf,
  settle,
  started,
  startedRig,
  twoAnHour,
} from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const

conformanceCase(
  {
    ...same,
    name: 'child_adm',
    holds: 'the full table of start, terminate, restart and delete; terminating twice is ok',
  },
  async () => {
    const child = fake('child1', { shutdown: 1000 })
    const { supervisor } = await startedRig({ ...twoAnHour, children: [child] })
    const first = refOf(supervisor, 'child1')
    expect(supervisor.whichChildren()).toMatchObject([{ id: 'child1', ref: first, type: 'worker' }])
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
    await expectCode(supervisor.startChild(child), 'SUPERVISOR_ALREADY_STARTED')

    await expectCode(supervisor.terminateChild('hej'), 'SUPERVISOR_CHILD_UNKNOWN')
    await supervisor.terminateChild('child1')
    expect(exitReasonOf(first)).toBe('shutdown')
    expect(supervisor.whichChildren()).toMatchObject([{ id: 'child1', ref: undefined, type: 'worker' }])
    expect(countsOf(supervisor)).toEqual([1, 0, 0, 1])
    await supervisor.terminateChild('child1')
    await expectCode(supervisor.startChild(child), 'SUPERVISOR_ALREADY_PRESENT')

    const second = await supervisor.restartChild('child1')
    expect(supervisor.whichChildren()).toMatchObject([{ id: 'child1', ref: second }])
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
    await expectCode(supervisor.restartChild('child1'), 'SUPERVISOR_CHILD_RUNNING')
    await expectCode(supervisor.restartChild('child2'), 'SUPERVISOR_CHILD_UNKNOWN')

    await expectCode(supervisor.deleteChild('child1'), 'SUPERVISOR_CHILD_RUNNING')
    await expectCode(supervisor.deleteChild('hej'), 'SUPERVISOR_CHILD_UNKNOWN')
    await supervisor.terminateChild('child1')
    await supervisor.deleteChild('child1')
    await expectCode(supervisor.restartChild('child1'), 'SUPERVISOR_CHILD_UNKNOWN')
    expect(supervisor.whichChildren()).toEqual([])
    expect(countsOf(supervisor)).toEqual([0, 0, 0, 0])

    const third = await started(supervisor, child)
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
    // By its actor: only with simple_one_for_one.
    await expectCode(supervisor.terminateChild(third), 'SUPERVISOR_CHILD_UNKNOWN')
    expect(supervisor.whichChildren()).toMatchObject([{ id: 'child1', ref: third }])
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])

    // What OTP says of a supervisor that is not there: noproc.
    const gone = createSupervisor({})
    await gone.start()
    await gone.stop()
    await expectCode(gone.startChild(child), 'SUPERVISOR_CLOSED')
    await expectCode(gone.terminateChild('child1'), 'SUPERVISOR_CLOSED')
    await expectCode(gone.restartChild('child1'), 'SUPERVISOR_CLOSED')
    await expectCode(gone.deleteChild('child1'), 'SUPERVISOR_CLOSED')
  },
)

conformanceCase(
  {
    ...same,
    name: 'child_adm_simple',
    holds: 'dynamic children go by their actor: a dead one is ok, a foreign one is unknown',
  },
  async () => {
    const onlyStatic = { reason: 'simple_one_for_one' }
    const { supervisor } = await startedRig({
      ...twoAnHour,
      strategy: 'simple_one_for_one',
      child: { logic: fakeChild, shutdown: 1000 },
    })
    expect(supervisor.whichChildren()).toEqual([])
    expect(countsOf(supervisor)).toEqual([1, 0, 0, 0])
    const first = await started(supervisor, [])
    expect(supervisor.whichChildren()).toMatchObject([{ ref: first, type: 'worker' }])
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
    const second = await started(supervisor, [])
    expect(new Set(supervisor.whichChildren().map(({ ref }) => ref))).toEqual(new Set([first, second]))
    expect(countsOf(supervisor)).toEqual([1, 2, 0, 2])

    await expectCode(supervisor.terminateChild('child1'), 'SUPERVISOR_CHILD_UNKNOWN')
    expect(countsOf(supervisor)).toEqual([1, 2, 0, 2])
    for (let time = 1; time <= 2; time++) {
      await supervisor.terminateChild(first)
      expect(exitReasonOf(first)).toBe('shutdown')
      expect(supervisor.whichChildren()).toMatchObject([{ ref: second }])
      expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
    }
    const foreign = createActor(fakeChild, { input: {} }).start()
    await expectCode(supervisor.terminateChild(foreign), 'SUPERVISOR_CHILD_UNKNOWN')
    expectAlive(foreign)
    foreign.stop()

    await expectCode(supervisor.restartChild('child1'), 'SUPERVISOR_CHILD_UNKNOWN', onlyStatic)
    await expectCode(supervisor.deleteChild('child1'), 'SUPERVISOR_CHILD_UNKNOWN', onlyStatic)
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
  },
)

conformanceCase(
  {
    suite: 'supervisor_SUITE',
    name: 'extra_return',
    verdict: 'adapted',
    reason:
      'A start returns the actor alone: what it has to say beside is in its snapshot, after each start and restart',
    holds: 'the extra information of a start is there after start, restart and automatic restart',
  },
  async () => {
    const child = { ...fake('child1', { shutdown: 1000 }), input: { argument: 'extra_return' } }
    const { supervisor } = await startedRig({ ...twoAnHour, children: [child] })
    const extraOf = (id: string) => refOf(supervisor, id).getSnapshot().context.argument
    const first = refOf(supervisor, 'child1')
    expect(extraOf('child1')).toBe('extra_return')
    await expectCode(supervisor.terminateChild('hej'), 'SUPERVISOR_CHILD_UNKNOWN')
    await expectCode(supervisor.deleteChild('hej'), 'SUPERVISOR_CHILD_UNKNOWN')
    await expectCode(supervisor.restartChild('hej'), 'SUPERVISOR_CHILD_UNKNOWN')
    await expectCode(supervisor.deleteChild('child1'), 'SUPERVISOR_CHILD_RUNNING')
    await expectCode(supervisor.restartChild('child1'), 'SUPERVISOR_CHILD_RUNNING')
    expect(refOf(supervisor, 'child1')).toBe(first)
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])

    await supervisor.terminateChild('child1')
    expect(exitReasonOf(first)).toBe('shutdown')
    expect(countsOf(supervisor)).toEqual([1, 0, 0, 1])
    const second = await supervisor.restartChild('child1')
    expect(second?.getSnapshot().context.argument).toBe('extra_return')
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])

    await supervisor.terminateChild('child1')
    await supervisor.terminateChild('child1')
    await supervisor.deleteChild('child1')
    await expectCode(supervisor.restartChild('child1'), 'SUPERVISOR_CHILD_UNKNOWN')
    expect(countsOf(supervisor)).toEqual([0, 0, 0, 0])

    const third = await started(supervisor, child)
    expect(third.getSnapshot().context.argument).toBe('extra_return')
    await crashes(third)
    expect(refOf(supervisor, 'child1')).not.toBe(third)
    expect(extraOf('child1')).toBe('extra_return')
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
  },
)

conformanceCase(
  { ...same, name: 'which_children', holds: 'every child with its id, its actor or none, its type' },
  async () => {
    const { supervisor } = await startedRig({
      ...twoAnHour,
      children: [fake('child1'), fake('child2', { type: 'supervisor' }), fake('child3', { restart: 'transient' })],
    })
    const [first, second] = [refOf(supervisor, 'child1'), refOf(supervisor, 'child2')]
    await supervisor.terminateChild('child3')
    expect(supervisor.whichChildren()).toMatchObject([
      { id: 'child1', ref: first, type: 'worker', restart: 'permanent', state: 'running' },
      { id: 'child2', ref: second, type: 'supervisor', restart: 'permanent', state: 'running' },
      { id: 'child3', ref: undefined, type: 'worker', restart: 'transient', state: 'stopped' },
    ])
  },
)

conformanceCase(
  { ...same, name: 'which_children_simple', holds: 'every dynamic child with its actor and type' },
  async () => {
    const { supervisor } = await startedRig({
      ...twoAnHour,
      strategy: 'simple_one_for_one',
      child: { logic: fakeChild, restart: 'temporary' },
    })
    const refs = [await started(supervisor), await started(supervisor), await started(supervisor)]
    expect(supervisor.whichChildren().map(({ ref, type, state }) => [ref, type, state])).toEqual(
      refs.map((ref) => [ref, 'worker', 'running']),
    )
    expect(new Set(idsOf(supervisor)).size).toBe(3)
    await crashes(refs[1] as (typeof refs)[0])
    expect(supervisor.whichChildren().map(({ ref }) => ref)).toEqual([refs[0], refs[2]])
  },
)

conformanceCase(
  {
    ...same,
    name: 'which_child',
    holds: 'one child by its id, also after its restart and its end; an unknown one is none',
  },
  async () => {
    const { supervisor } = await startedRig({ ...twoAnHour, children: [fake('child1'), fake('child2')] })
    const first = refOf(supervisor, 'child1')
    expect(supervisor.getChild('child1')).toMatchObject({ id: 'child1', ref: first, type: 'worker', state: 'running' })
    expect(supervisor.getChild('hej')).toBeUndefined()
    await crashes(first)
    const replaced = supervisor.getChild('child1')
    expect(replaced?.ref).toBeDefined()
    expect(replaced?.ref).not.toBe(first)
    await supervisor.terminateChild('child2')
    await settle()
    expect(supervisor.getChild('child2')).toMatchObject({ id: 'child2', ref: undefined, state: 'stopped' })
  },
)

for (const { name, type, counts } of [
  { name: 'count_children', type: 'worker', counts: (n: number) => [1, n, 0, n] },
  { name: 'count_children_supervisor', type: 'supervisor', counts: (n: number) => [1, n, n, 0] },
] as const) {
  conformanceCase(
    {
      ...same,
      name,
      holds: `1000, then 2000 dynamic children that are ${type}s are counted and listed, and none when all are killed`,
    },
    async () => {
      const { supervisor } = await startedRig({
        ...twoAnHour,
        strategy: 'simple_one_for_one',
        child: { logic: fakeChild, restart: 'temporary', type, shutdown: 'infinity' },
      })
      const addThousand = async () => {
        for (let count = 0; count < 1000; count++) await supervisor.startChild([])
      }
      await addThousand()
      expect(supervisor.whichChildren()).toHaveLength(1000)
      expect(countsOf(supervisor)).toEqual(counts(1000))
      await addThousand()
      const children = supervisor.whichChildren()
      expect(children).toHaveLength(2000)
      expect(countsOf(supervisor)).toEqual(counts(2000))
      expect(supervisor.whichChildren().map(({ ref }) => ref)).toEqual(children.map(({ ref }) => ref))
      expect(countsOf(supervisor)).toEqual(counts(2000))

      for (const { ref } of children) ref?.send({ type: 'fake.exit', reason: 'killed' })
      await settle()
      expect(countsOf(supervisor)).toEqual([1, 0, 0, 0])
    },
  )
}
