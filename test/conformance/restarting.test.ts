/** supervisor_SUITE: children that cannot be started again. Between two attempts the supervisor hears what it is asked. */
import { expect } from 'vitest'
import { exitReasonOf } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake, fakeChild, isAlive, type Start } from './fake-child.ts'
import {
  countsOf,
  crashes,
  died,
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

/** A failing start takes 2 s, so that 8 in 10 s never are too many: without end, if nobody ends it. */
const endless = { intensity: 8, periodMs: 10_000 }

/** As supervisor_deadlock: while `isFailing`, each start takes 2 s and fails. */
function deadlock() {
  const state = { isFailing: false }
  const starts = (): Start => (state.isFailing ? 'wait' : 'ok')
  return { state, starts, spec: { ready: isAlive, startMs: 2000, shutdown: 'brutal' } as const }
}

conformanceCase(
  {
    ...same,
    name: 'hanging_restart_loop',
    holds: 'already_present and restarting while it loops; terminateChild and stop still work',
  },
  async () => {
    const { state, starts, spec } = deadlock()
    const { supervisor, pass } = await startedRig(endless)
    const child = fake('child1', { ...spec, starts })
    const first = await started(supervisor, child)
    state.isFailing = true
    await crashes(first)
    await pass(2000)

    const asked = [
      expectCode(supervisor.startChild(child), 'SUPERVISOR_ALREADY_PRESENT'),
      expectCode(supervisor.restartChild('child1'), 'SUPERVISOR_CHILD_RESTARTING'),
      expectCode(supervisor.deleteChild('child1'), 'SUPERVISOR_CHILD_RESTARTING'),
    ]
    await pass(2000)
    await Promise.all(asked)
    expect(supervisor.whichChildren()).toMatchObject([
      { id: 'child1', ref: undefined, state: 'restarting', type: 'worker' },
    ])
    expect(countsOf(supervisor)).toEqual([1, 0, 0, 1])

    const terminated = supervisor.terminateChild('child1')
    await pass(2000)
    await terminated
    expect(exitReasonOf(first)).toBe(died)
    expect(supervisor.whichChildren()).toMatchObject([{ id: 'child1', ref: undefined, state: 'stopped' }])
    await pass(60_000)
    expect(supervisor.whichChildren()).toMatchObject([{ ref: undefined, state: 'stopped' }])

    state.isFailing = false
    await supervisor.restartChild('child1')
    const second = refOf(supervisor, 'child1')
    state.isFailing = true
    await crashes(second)
    // Long enough for the window to be left again and again.
    await pass(60_000)
    expect(isRunning(supervisor)).toBe(true)
    const stopped = supervisor.stop()
    await pass(2000)
    await stopped
    await expectExit(supervisor)
    expect(exitReasonOf(second)).toBe(died)
  },
)

conformanceCase(
  {
    ...same,
    name: 'hanging_restart_loop_rest_for_one',
    holds: 'the same with an earlier sibling that runs on and a later one that waits: 3 specs, 1 active',
  },
  async () => {
    const { state, starts, spec } = deadlock()
    const { supervisor, pass } = await startedRig({ ...endless, strategy: 'rest_for_one' })
    const first = await started(supervisor, fake('child1', { shutdown: 'brutal' }))
    const child = fake('child2', { ...spec, starts })
    const second = await started(supervisor, child)
    const third = await started(supervisor, fake('child3', { shutdown: 'brutal' }))
    state.isFailing = true
    await crashes(second)
    await pass(2000)
    expect(exitReasonOf(third)).toBe('killed')

    const asked = [
      expectCode(supervisor.startChild(child), 'SUPERVISOR_ALREADY_PRESENT'),
      expectCode(supervisor.restartChild('child2'), 'SUPERVISOR_CHILD_RESTARTING'),
      expectCode(supervisor.deleteChild('child2'), 'SUPERVISOR_CHILD_RESTARTING'),
    ]
    await pass(2000)
    await Promise.all(asked)
    expect(supervisor.whichChildren()).toMatchObject([
      { id: 'child1', ref: first, state: 'running' },
      { id: 'child2', ref: undefined, state: 'restarting' },
      { id: 'child3', ref: undefined },
    ])
    expect(countsOf(supervisor)).toEqual([3, 1, 0, 3])

    const terminated = supervisor.terminateChild('child2')
    await pass(2000)
    await terminated
    expect(exitReasonOf(second)).toBe(died)
    expect(supervisor.whichChildren()).toMatchObject([
      { id: 'child1', ref: first },
      { id: 'child2', ref: undefined, state: 'stopped' },
      { id: 'child3', ref: undefined },
    ])

    state.isFailing = false
    await supervisor.restartChild('child2')
    const again = refOf(supervisor, 'child2')
    state.isFailing = true
    await crashes(again)
    await pass(2000)
    const stopped = supervisor.stop()
    await pass(2000)
    await stopped
    await expectExit(supervisor)
    expect([first, again].map(exitReasonOf)).toEqual(['killed', died])
  },
)

conformanceCase(
  {
    ...same,
    name: 'hanging_restart_loop_simple',
    holds: 'the same with a dynamic child, which is named by the actor that it had',
  },
  async () => {
    const onlyStatic = { reason: 'simple_one_for_one' }
    const { state, starts, spec } = deadlock()
    const { supervisor, pass } = await startedRig({
      ...endless,
      strategy: 'simple_one_for_one',
      child: { logic: fakeChild, input: { starts }, ...spec },
    })
    const first = await started(supervisor)
    state.isFailing = true
    await crashes(first)
    await pass(2000)
    const asked = [
      expectCode(supervisor.restartChild('child1'), 'SUPERVISOR_CHILD_UNKNOWN', onlyStatic),
      expectCode(supervisor.deleteChild('child1'), 'SUPERVISOR_CHILD_UNKNOWN', onlyStatic),
    ]
    await pass(2000)
    await Promise.all(asked)
    expect(supervisor.whichChildren()).toMatchObject([{ ref: undefined, state: 'restarting', type: 'worker' }])
    expect(countsOf(supervisor)).toEqual([1, 0, 0, 1])

    const terminated = supervisor.terminateChild(first)
    await pass(2000)
    await terminated
    expect(exitReasonOf(first)).toBe(died)
    expect(supervisor.whichChildren()).toEqual([])

    state.isFailing = false
    const second = await started(supervisor)
    state.isFailing = true
    await crashes(second)
    await pass(2000)
    const stopped = supervisor.stop()
    await pass(2000)
    await stopped
    await expectExit(supervisor)
    expect(exitReasonOf(second)).toBe(died)
  },
)

conformanceCase(
  {
    ...same,
    name: 'count_restarting_children',
    holds: 'a restarting child is a worker that is not active: 3 workers, 1 active',
  },
  async () => {
    const { state, starts, spec } = deadlock()
    const { supervisor, pass } = await startedRig({
      strategy: 'simple_one_for_one',
      intensity: 20,
      periodMs: 10_000,
      child: { logic: fakeChild, input: { starts }, ...spec },
    })
    expect(countsOf(supervisor)).toEqual([1, 0, 0, 0])
    const first = []
    for (let count = 1; count <= 3; count++) {
      first.push(await started(supervisor))
      expect(countsOf(supervisor)).toEqual([1, count, 0, count])
    }
    for (const ref of first) await crashes(ref)
    await pass(400)
    expect(countsOf(supervisor)).toEqual([1, 3, 0, 3])
    const second = supervisor.whichChildren().flatMap(({ ref }) => ref ?? [])
    expect(first.filter((ref) => second.includes(ref))).toEqual([])

    state.isFailing = true
    const [one, two, three] = second as [(typeof second)[0], (typeof second)[0], (typeof second)[0]]
    await crashes(one)
    await crashes(two)
    await pass(4000)
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 3])
    state.isFailing = false
    await pass(4000)
    expect(countsOf(supervisor)).toEqual([1, 3, 0, 3])

    expectAlive(three)
    await supervisor.terminateChild(three)
    expect(countsOf(supervisor)).toEqual([1, 2, 0, 2])
    const last = supervisor.whichChildren().flatMap(({ ref }) => ref ?? [])
    expect(idsOf(supervisor)).toHaveLength(2)
    for (const [index, ref] of last.entries()) {
      await supervisor.terminateChild(ref)
      expect(countsOf(supervisor)).toEqual([1, 1 - index, 0, 1 - index])
    }
  },
)
