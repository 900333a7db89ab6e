/**
 * Owns what every case does with a supervisor: it runs on a stepped clock, is asked and watched in OTP's words, and is gone with all it
 * had when the test ends. The children belong to fake-child.ts.
 */
import { expect, onTestFinished } from 'vitest'
import type { AnyActorRef } from 'xstate'
import type { ErrorCode } from '../../src/errors.ts'
import {
  createSupervisor,
  exitReasonOf,
  type Supervisor,
  type SupervisorOptions,
} from '../../src/machines/supervision/index.ts'
import { SteppedClock } from '../machines/stepped-clock.ts'

export interface Rig {
  supervisor: Supervisor
  clock: SteppedClock
  /** Lets time pass in small steps; what is due in between happens in between. */
  pass: (ms: number) => Promise<void>
}

/** Most cases of OTP allow two restarts in an hour. */
export const twoAnHour = { intensity: 2, periodMs: 3_600_000 } as const

/** The clocks of the test that runs. */
const clocks = new Set<SteppedClock>()

/** A supervisor that was not started yet. */
export function rigOf(options: SupervisorOptions = {}): Rig {
  const clock = new SteppedClock()
  const supervisor = createSupervisor(options, { clock })
  clocks.add(clock)
  const pass = async (ms: number) => {
    const end = clock.now() + ms
    while (clock.now() < end) {
      clock.advance(Math.min(100, end - clock.now()))
      await settle()
    }
  }
  onTestFinished(async () => {
    if (isRunning(supervisor)) {
      const stopped = supervisor.stop()
      await pass(60_000)
      await stopped
    }
    clocks.delete(clock)
    expect(clock.pending).toBe(0)
  })
  return { supervisor, clock, pass }
}

/**
 * A supervisor on the clock of the machine, for restarts that fail at once and are tried again at once: simulated time would be spent
 * in one go. Nothing here waits for it.
 */
export async function startedInRealTime(options: SupervisorOptions): Promise<Supervisor> {
  const supervisor = createSupervisor(options)
  onTestFinished(() => supervisor.stop())
  return supervisor.start()
}

export async function startedRig(options: SupervisorOptions = {}): Promise<Rig> {
  const rig = rigOf(options)
  await rig.supervisor.start()
  return rig
}

/** Everything that waits for nothing but its turn has happened; no time passes. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  for (const clock of clocks) clock.advance(0)
  await new Promise((resolve) => setImmediate(resolve))
}

export function isRunning(supervisor: Supervisor): boolean {
  return supervisor.actor.getSnapshot().status === 'active'
}

/** Waits for the supervisor's own end. */
export async function expectExit(supervisor: Supervisor, reason: unknown = 'shutdown'): Promise<void> {
  await settle()
  expect(isRunning(supervisor)).toBe(false)
  expect(exitReasonOf(supervisor.actor)).toEqual(reason)
  expect(await supervisor.exited).toEqual(reason)
}

/** Specs, active, supervisors, workers: the order of OTP's tests. */
export function countsOf(supervisor: Supervisor): [number, number, number, number] {
  const { specs, active, supervisors, workers } = supervisor.countChildren()
  return [specs, active, supervisors, workers]
}

export function idsOf(supervisor: Supervisor): string[] {
  return supervisor.whichChildren().map(({ id }) => id)
}

/** The actor that now runs under this id. */
export function refOf(supervisor: Supervisor, id: string): AnyActorRef {
  const ref = supervisor.getChild(id)?.ref
  if (ref === undefined) throw new Error(`${id} is not running.`)
  return ref
}

/** Starts a child that is expected to run. */
export async function started(supervisor: Supervisor, specOrArgument?: unknown): Promise<AnyActorRef> {
  const ref = await supervisor.startChild(specOrArgument as never)
  if (ref === undefined) throw new Error('The child was ignored.')
  return ref
}

/** The child ends itself, and the supervisor has done what is to be done at once. */
export async function exits(ref: AnyActorRef, reason: unknown): Promise<void> {
  ref.send({ type: 'fake.exit', reason })
  await settle()
  expect(exitReasonOf(ref)).toEqual(reason)
}

export const died = new Error('died')

/** The child crashes: OTP's reason `died`. */
export async function crashes(ref: AnyActorRef, error: unknown = died): Promise<void> {
  ref.send({ type: 'fake.crash', error })
  await settle()
  expect(exitReasonOf(ref)).toBe(error)
}

export function expectAlive(...refs: AnyActorRef[]): void {
  expect(refs.map((ref) => exitReasonOf(ref))).toEqual(refs.map(() => undefined))
}

export async function expectCode(asked: Promise<unknown>, code: ErrorCode, context: object = {}): Promise<void> {
  await expect(asked).rejects.toMatchObject({ code, context })
}

/** The ids in the order in which their actors end. */
export function orderOfExits(children: Readonly<Record<string, AnyActorRef>>): string[] {
  const order: string[] = []
  for (const [id, ref] of Object.entries(children)) {
    const note = () => void order.push(id)
    ref.subscribe({ complete: note, error: note })
  }
  return order
}
