/**
 * Owns exit reasons: how an actor says why it ended, and how the reason of an actor that ended is read. Decides nothing.
 */
import type { AnyActorRef } from 'xstate'

const brand = Symbol.for('axon-runtime.exit')

/**
 * Why an actor ended: `'normal'`, `'shutdown'`, `'killed'`, `{ shutdown: info }`, the error of a crash, or whatever was given to
 * `exit()`.
 */
export type ExitReason = unknown

/** What `exit()` makes: the output of an actor that ends with a reason. */
export interface ExitOutput {
  readonly reason: ExitReason
}

/**
 * The output with which an actor ends for a reason: `output: exit('shutdown')` of a machine, or what a promise resolves with.
 * An actor that is done with any other output ended with the reason `'normal'`.
 * @param reason `'shutdown'` and `{ shutdown: info }` are orderly ends; `'ignore'`, before the actor counts as started, means that
 * it does not want to run; anything else is a crash
 */
export function exit(reason: ExitReason): ExitOutput {
  return { [brand]: true, reason } as ExitOutput
}

export function isExitOutput(output: unknown): output is ExitOutput {
  return typeof output === 'object' && output !== null && (output as Record<symbol, unknown>)[brand] === true
}

/** Whether a transient child that ended so is done: `'normal'`, `'shutdown'` or `{ shutdown: info }`. */
export function isOrderly(reason: ExitReason): boolean {
  if (reason === 'normal' || reason === 'shutdown') return true
  return (
    typeof reason === 'object' && reason !== null && !(reason instanceof Error) && Object.hasOwn(reason, 'shutdown')
  )
}

interface ExitRecord {
  reason: ExitReason
  /** Whether the actor has ended. Logic such as fromTransition leaves its status active when it is stopped. */
  isOver: boolean
}

const records = new WeakMap<AnyActorRef, ExitRecord>()

/** Says with what reason an actor is about to be stopped. */
export function recordExit(ref: AnyActorRef, reason: ExitReason): void {
  records.set(ref, { reason, isOver: false })
}

/** Says that a stopped actor has ended. */
export function recordEnd(ref: AnyActorRef): void {
  const record = records.get(ref)
  if (record !== undefined) record.isOver = true
}

export function isAlive(ref: AnyActorRef): boolean {
  return ref.getSnapshot().status === 'active' && records.get(ref)?.isOver !== true
}

/**
 * Why an actor ended.
 * @returns undefined while it lives; the reason given to `exit()`, or `'normal'`, of one that is done; the error of one that
 * crashed; of one that was stopped `'killed'` or `'shutdown'`, as its supervisor did it
 */
export function exitReasonOf(ref: AnyActorRef): ExitReason | undefined {
  const snapshot = ref.getSnapshot()
  switch (snapshot.status) {
    case 'done':
      return isExitOutput(snapshot.output) ? snapshot.output.reason : 'normal'
    case 'error':
      return snapshot.error
    case 'stopped':
      return records.get(ref)?.reason ?? 'shutdown'
    default: {
      const record = records.get(ref)
      return record?.isOver ? record.reason : undefined
    }
  }
}
