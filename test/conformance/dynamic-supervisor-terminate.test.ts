/** Elixir's dynamic_supervisor_test: how the children of a DynamicSupervisor end, with it or alone. */
import { expect } from 'vitest'
import type { AnyActorRef } from 'xstate'
import { type ChildSpec, exitReasonOf } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake, type OnShutdown } from './fake-child.ts'
import {
  exits,
  expectAlive,
  expectCode,
  expectExit,
  isRunning,
  type Rig,
  started,
  startedInRealTime,
  startedRig,
} from './supervisor-rig.ts'

const same = { suite: 'dynamic_supervisor_test', verdict: 'same' } as const
const defaults = { strategy: 'simple_one_for_one', intensity: 3, periodMs: 5000 } as const

type Shutdown = NonNullable<ChildSpec['shutdown']>

function child(shutdown: Shutdown, onShutdown?: OnShutdown): Omit<ChildSpec, 'id'> {
  const { id: _, ...rest } = fake('child', { shutdown, ...(onShutdown && { onShutdown }) })
  return rest
}

/** A task that only sleeps does not trap exits. */
const sleepy = (shutdown: Shutdown) => child(shutdown, 'untrapped')

/** The supervisor is told to end, `passMs` go by, and these are its children's reasons. */
async function expectReasons(rig: Rig, refs: readonly AnyActorRef[], reasons: unknown[], passMs = 0): Promise<void> {
  const stopped = rig.supervisor.stop()
  if (passMs > 0) {
    await rig.pass(passMs - 1)
    expect(isRunning(rig.supervisor)).toBe(true)
    await rig.pass(1)
  }
  await stopped
  expect(refs.map(exitReasonOf)).toEqual(reasons)
  await expectExit(rig.supervisor)
}

for (const { name, spec, reason } of [
  { name: 'terminates children with brutal kill', spec: sleepy('brutal'), reason: 'killed' },
  { name: 'terminates children with infinity shutdown', spec: sleepy('infinity'), reason: 'shutdown' },
  {
    name: 'terminates children with infinity shutdown and abnormal reason',
    spec: child('infinity', { exit: { shutdown: 'oops' } }),
    reason: { shutdown: 'oops' },
  },
  { name: 'terminates children with integer shutdown', spec: sleepy(1000), reason: 'shutdown' },
  {
    name: 'terminates children with integer shutdown and abnormal reason',
    spec: child(1000, { exit: { shutdown: 'oops' } }),
    reason: { shutdown: 'oops' },
  },
  {
    name: 'terminates children with permanent restart and normal reason',
    spec: child('infinity', { exit: 'normal' }),
    reason: 'normal',
  },
]) {
  conformanceCase({ ...same, name, holds: `three children end with ${JSON.stringify(reason)}` }, async () => {
    const rig = await startedRig(defaults)
    const refs = [
      await started(rig.supervisor, spec),
      await started(rig.supervisor, spec),
      await started(rig.supervisor, spec),
    ]
    await expectReasons(rig, refs, [reason, reason, reason])
  })
}

conformanceCase(
  {
    ...same,
    name: 'terminates children with expired integer shutdown',
    holds: 'only the one that does not follow within its time is killed',
  },
  async () => {
    const rig = await startedRig(defaults)
    const refs = []
    for (const spec of [sleepy(1), child(1, 'hang'), sleepy(1)]) refs.push(await started(rig.supervisor, spec))
    await expectReasons(rig, refs, ['shutdown', 'killed', 'shutdown'], 1)
  },
)

conformanceCase(
  { ...same, name: 'terminates with mixed children', holds: 'each ends as its own spec says' },
  async () => {
    const rig = await startedRig(defaults)
    const refs = [await started(rig.supervisor, sleepy('infinity')), await started(rig.supervisor, sleepy('brutal'))]
    await expectReasons(rig, refs, ['shutdown', 'killed'])
  },
)

for (const { name, shutdown, reason } of [
  { name: 'terminates child with brutal kill', shutdown: 'brutal', reason: 'killed' },
  { name: 'terminates child with integer shutdown', shutdown: 1000, reason: 'shutdown' },
] as const) {
  conformanceCase(
    {
      suite: 'dynamic_supervisor_test',
      verdict: 'adapted',
      name,
      reason: 'Terminating a child that is dead already is ok, as in OTP; in Elixir it is not_found',
      holds: `the child ends with ${reason}, and its sibling goes on`,
    },
    async () => {
      const { supervisor } = await startedRig(defaults)
      const ref = await started(supervisor, sleepy(shutdown))
      const sibling = await started(supervisor, sleepy(shutdown))
      for (let time = 1; time <= 2; time++) {
        await supervisor.terminateChild(ref)
        expect(exitReasonOf(ref)).toBe(reason)
        expect(supervisor.countChildren()).toMatchObject({ workers: 1, active: 1 })
      }
      expectAlive(sibling)
    },
  )
}

conformanceCase(
  {
    suite: 'dynamic_supervisor_test',
    verdict: 'adapted',
    name: 'terminates restarting child',
    reason: 'Terminating a child that is dead already is ok, as in OTP; in Elixir it is not_found',
    holds: 'a child that is being restarted is named by the actor it had, and is gone',
  },
  async () => {
    let starts = 0
    const spec = fake('child', { starts: () => (starts++ === 0 ? 'ok' : { exit: 'found' }) })
    const supervisor = await startedInRealTime({ ...defaults, intensity: 100_000 })
    const ref = await started(supervisor, spec)
    await exits(ref, 'shutdown')
    expect(supervisor.whichChildren()).toMatchObject([{ state: 'restarting' }])
    await supervisor.terminateChild(ref)
    await supervisor.terminateChild(ref)
    expect(supervisor.countChildren()).toMatchObject({ workers: 0, active: 0 })
    expect(supervisor.whichChildren()).toEqual([])

    const stranger = await started((await startedRig(defaults)).supervisor, sleepy(1000))
    await expectCode(supervisor.terminateChild(stranger), 'SUPERVISOR_CHILD_UNKNOWN')
    expectAlive(stranger)
  },
)
