/** supervisor_SUITE: how a supervisor ends its children, and that nothing they do meanwhile keeps it from its end. */
import { expect } from 'vitest'
import type { AnyActorRef } from 'xstate'
import { exitReasonOf } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { type FakeInput, fake, fakeChild } from './fake-child.ts'
import {
  countsOf,
  exits,
  expectAlive,
  expectExit,
  isRunning,
  refOf,
  settle,
  started,
  startedRig,
  twoAnHour,
} from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const

/** How a process may end by itself while its supervisor stops. */
const reasons: readonly unknown[] = ['normal', 'shutdown', { shutdown: 'test' }, 'other']
const restarts = ['temporary', 'transient', 'permanent'] as const

conformanceCase(
  {
    ...same,
    name: 'sup_stop_infinity',
    holds: 'infinity is allowed for supervisors and workers, which end with shutdown',
  },
  async () => {
    const { supervisor, pass } = await startedRig(twoAnHour)
    const first = await started(supervisor, fake('child1', { shutdown: 'infinity', type: 'supervisor' }))
    const onShutdown = { exit: 'shutdown', afterMs: 3_600_000 }
    const second = await started(supervisor, fake('child2', { shutdown: 'infinity', type: 'worker', onShutdown }))
    const stopped = supervisor.stop()
    await pass(60_000)
    expectAlive(first, second)
    await pass(3_600_000)
    await stopped
    expect([first, second].map(exitReasonOf)).toEqual(['shutdown', 'shutdown'])
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    ...same,
    name: 'sup_stop_timeout',
    holds: 'a child that sleeps past its 1000 ms is killed, the other ends with shutdown',
  },
  async () => {
    const { supervisor, clock, pass } = await startedRig(twoAnHour)
    const first = await started(supervisor, fake('child1', { shutdown: 1000 }))
    const second = await started(supervisor, fake('child2', { shutdown: 1000 }))
    second.send({ type: 'fake.sleep' })
    const begun = clock.now()
    const stopped = supervisor.stop()
    await pass(999)
    expectAlive(first, second)
    await pass(1)
    await stopped
    expect(clock.now() - begun).toBe(1000)
    expect([first, second].map(exitReasonOf)).toEqual(['shutdown', 'killed'])
    await expectExit(supervisor)
  },
)

conformanceCase(
  { ...same, name: 'sup_stop_timeout_dynamic', holds: 'a dynamic child that sleeps past its 1000 ms is killed' },
  async () => {
    const { supervisor, pass } = await startedRig({
      ...twoAnHour,
      strategy: 'simple_one_for_one',
      child: { logic: fakeChild, restart: 'temporary', shutdown: 1000 },
    })
    const [first, second] = [await started(supervisor, []), await started(supervisor, [])]
    second.send({ type: 'fake.sleep' })
    const stopped = supervisor.stop()
    await pass(999)
    expect([first, second].map(exitReasonOf)).toEqual(['shutdown', undefined])
    await pass(1)
    await stopped
    expect([first, second].map(exitReasonOf)).toEqual(['shutdown', 'killed'])
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    ...same,
    name: 'sup_stop_brutal_kill',
    holds: 'a brutal child is killed without being asked, the other ends with shutdown',
  },
  async () => {
    const { supervisor } = await startedRig(twoAnHour)
    const first = await started(supervisor, fake('child1', { shutdown: 1000 }))
    const second = await started(supervisor, fake('child2', { shutdown: 'brutal' }))
    await supervisor.stop()
    expect([first, second].map(exitReasonOf)).toEqual(['shutdown', 'killed'])
    await expectExit(supervisor)
  },
)

conformanceCase(
  { ...same, name: 'sup_stop_brutal_kill_dynamic', holds: 'ten brutal dynamic children are killed' },
  async () => {
    const { supervisor } = await startedRig({
      ...twoAnHour,
      strategy: 'simple_one_for_one',
      child: { logic: fakeChild, restart: 'temporary', shutdown: 'brutal' },
    })
    const refs: AnyActorRef[] = []
    for (let count = 0; count < 10; count++) refs.push(await started(supervisor, []))
    expect(countsOf(supervisor)).toEqual([1, 10, 0, 10])
    await supervisor.stop()
    expect(refs.map(exitReasonOf)).toEqual(refs.map(() => 'killed'))
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    ...same,
    name: 'sup_stop_race',
    holds: 'children that exit by themselves during the shutdown, for any reason, do not disturb it',
  },
  async () => {
    const { supervisor, clock, pass } = await startedRig(twoAnHour)
    const first = await started(supervisor, fake('child_a', { restart: 'temporary', shutdown: 1000 }))
    const racing: [ref: AnyActorRef, reason: unknown][] = []
    for (const restart of restarts) {
      for (const reason of reasons) {
        const spec = fake(`${restart} ${JSON.stringify(reason)}`, { restart, shutdown: 1000 })
        racing.push([await started(supervisor, spec), reason])
      }
    }
    const last = await started(
      supervisor,
      fake('child_z', { restart: 'temporary', shutdown: 2000, onShutdown: { exit: 'shutdown', afterMs: 1000 } }),
    )
    const begun = clock.now()
    const stopped = supervisor.stop()
    await pass(200)
    expectAlive(first, last)
    for (const [ref, reason] of racing) await exits(ref, reason)
    expect(isRunning(supervisor)).toBe(true)
    await pass(800)
    await stopped
    expect(clock.now() - begun).toBe(1000)
    expect(racing.map(([ref]) => exitReasonOf(ref))).toEqual(racing.map(([, reason]) => reason))
    expect([first, last].map(exitReasonOf)).toEqual(['shutdown', 'shutdown'])
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    ...same,
    name: 'sup_stop_non_shutdown_exit_dynamic',
    holds: 'dynamic children may answer the shutdown with any reason',
  },
  async () => {
    for (const restart of restarts) {
      const { supervisor } = await startedRig({
        ...twoAnHour,
        strategy: 'simple_one_for_one',
        child: {
          logic: fakeChild,
          restart,
          shutdown: 5000,
          input: (reason: unknown): FakeInput => ({ onShutdown: { exit: reason } }),
        },
      })
      const refs: AnyActorRef[] = []
      for (const reason of reasons) refs.push(await started(supervisor, reason))
      await supervisor.stop()
      expect(refs.map(exitReasonOf)).toEqual(reasons)
      await expectExit(supervisor)
    }
  },
)

conformanceCase(
  {
    ...same,
    name: 'simple_one_for_one_shutdown',
    holds: '1 s, 1 s and 5 s with a timeout of 2 s: all at once, 1 s at least and less than 5 s',
  },
  async () => {
    const { supervisor, clock, pass } = await startedRig({
      ...twoAnHour,
      strategy: 'simple_one_for_one',
      child: {
        logic: fakeChild,
        shutdown: 2000,
        input: (afterMs: number): FakeInput => ({ onShutdown: { exit: 'shutdown', afterMs } }),
      },
    })
    const refs = [await started(supervisor, 1000), await started(supervisor, 1000), await started(supervisor, 5000)]
    const begun = clock.now()
    const stopped = supervisor.stop().then(() => clock.now() - begun)
    await pass(999)
    expectAlive(...refs)
    await pass(1)
    expect(refs.map(exitReasonOf)).toEqual(['shutdown', 'shutdown', undefined])
    await pass(4000)
    const took = await stopped
    expect(took).toBeGreaterThanOrEqual(1000)
    expect(took).toBeLessThan(5000)
    // One timer for all of them.
    expect(took).toBe(2000)
    expect(refs.map(exitReasonOf)).toEqual(['shutdown', 'shutdown', 'killed'])
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    suite: 'supervisor_SUITE',
    name: 'child_unlink',
    verdict: 'adapted',
    reason: 'There are no links: a child that no longer takes the shutdown is what is left of one that unlinked',
    holds: 'a child that withdraws from the shutdown is still stopped, and the supervisor goes on with its mailbox',
  },
  async () => {
    const naughty = fake('naughty_child', { shutdown: 1000 })
    const { supervisor, pass } = await startedRig({
      ...twoAnHour,
      children: [naughty, fake('untrapped', { onShutdown: 'untrapped' })],
    })
    const child = refOf(supervisor, 'naughty_child')
    const untrapped = refOf(supervisor, 'untrapped')
    child.send({ type: 'fake.sleep' })
    const terminated = supervisor.terminateChild('naughty_child')
    // Whatever else is sent to it is drained.
    supervisor.actor.send({ type: 'foo' } as never)
    const next = supervisor.terminateChild('untrapped')
    await pass(1000)
    await Promise.all([terminated, next])
    await settle()
    expect([child, untrapped].map(exitReasonOf)).toEqual(['killed', 'shutdown'])
    expect(countsOf(supervisor)).toEqual([2, 0, 0, 2])
    expect(isRunning(supervisor)).toBe(true)
  },
)
