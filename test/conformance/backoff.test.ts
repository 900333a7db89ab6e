/** The restart loops of supervisor_SUITE again, with what OTP has not: a backoff. Whoever asks is answered while a child waits. */
import { expect } from 'vitest'
import { exitReasonOf, type SupervisorOptions } from '../../src/machines/supervision/index.ts'
import { conformanceRun } from './cases.ts'
import { fake, fakeChild } from './fake-child.ts'
import {
  countsOf,
  crashes,
  expectAlive,
  expectCode,
  expectExit,
  isRunning,
  refOf,
  started,
  startedRig,
  twoAnHour,
} from './supervisor-rig.ts'

const run = { suite: 'supervisor_SUITE', on: 'a child that waits in its backoff' } as const

/** Always the longest delay of the equal jitter: a minute before the first restart. */
const minute: SupervisorOptions = { ...twoAnHour, backoff: { firstMs: 60_000 }, random: () => 1 }

conformanceRun(
  { ...run, name: 'hanging_restart_loop', holds: 'no time passes between a question and its answer' },
  async () => {
    const child = fake('child1')
    const { supervisor, pass, clock } = await startedRig({ ...minute, children: [child] })
    await crashes(refOf(supervisor, 'child1'))
    expect(supervisor.whichChildren()).toMatchObject([{ id: 'child1', ref: undefined, state: 'restarting' }])
    expect(countsOf(supervisor)).toEqual([1, 0, 0, 1])
    const before = clock.now()
    await expectCode(supervisor.startChild(child), 'SUPERVISOR_ALREADY_PRESENT')
    await expectCode(supervisor.restartChild('child1'), 'SUPERVISOR_CHILD_RESTARTING')
    await expectCode(supervisor.deleteChild('child1'), 'SUPERVISOR_CHILD_RESTARTING')
    await supervisor.terminateChild('child1')
    expect(clock.now()).toBe(before)
    await pass(200_000)
    expect(supervisor.whichChildren()).toMatchObject([{ ref: undefined, state: 'stopped' }])

    await supervisor.restartChild('child1')
    await crashes(refOf(supervisor, 'child1'))
    await supervisor.stop()
    await expectExit(supervisor)
  },
)

conformanceRun(
  {
    ...run,
    name: 'hanging_restart_loop_rest_for_one',
    holds: 'the earlier sibling runs on, the later one is ended at once and comes back with it',
  },
  async () => {
    const children = ['child1', 'child2', 'child3'].map((id) => fake(id))
    const { supervisor, pass } = await startedRig({ ...minute, strategy: 'rest_for_one', children })
    const [first, second, third] = children.map(({ id }) => refOf(supervisor, id)) as [never, never, never]
    await crashes(second)
    expect(countsOf(supervisor)).toEqual([3, 1, 0, 3])
    expect(exitReasonOf(third)).toBe('shutdown')
    await pass(59_900)
    expect(countsOf(supervisor)).toEqual([3, 1, 0, 3])
    await pass(100)
    expect(countsOf(supervisor)).toEqual([3, 3, 0, 3])
    expectAlive(first)
    expect(refOf(supervisor, 'child3')).not.toBe(third)

    await crashes(refOf(supervisor, 'child2'))
    await supervisor.terminateChild('child2')
    await pass(200_000)
    expect(countsOf(supervisor)).toEqual([3, 1, 0, 3])
    expect(isRunning(supervisor)).toBe(true)
  },
)

conformanceRun(
  { ...run, name: 'hanging_restart_loop_simple', holds: 'a dynamic child is named by the actor that it had' },
  async () => {
    const { supervisor, pass } = await startedRig({
      ...minute,
      strategy: 'simple_one_for_one',
      child: { logic: fakeChild },
    })
    const ref = await started(supervisor)
    await crashes(ref)
    expect(supervisor.whichChildren()).toMatchObject([{ ref: undefined, state: 'restarting' }])
    expect(countsOf(supervisor)).toEqual([1, 0, 0, 1])
    await supervisor.terminateChild(ref)
    expect(countsOf(supervisor)).toEqual([1, 0, 0, 0])
    await pass(200_000)
    expect(supervisor.whichChildren()).toEqual([])
    await crashes(await started(supervisor))
    await supervisor.stop()
    await expectExit(supervisor)
  },
)
