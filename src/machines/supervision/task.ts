/**
 * Owns one task: the actor around an async function, and the handle by which its result is waited for or it is ended. Which
 * supervisor it runs under is tasks.ts.
 *
 * A function cannot be ended from outside. It is asked to by its signal: `supervisor.shutdown` aborts it and lets the function
 * finish; the stop of the actor aborts it, too, and nobody waits for the function any more.
 */
import type { ActorLogic, AnyActorRef, EventObject, Snapshot } from 'xstate'
import { AxonError } from '../../errors.ts'
import { type ExitReason, exit, exitReasonOf, isExitOutput } from './exit.ts'
import { hasEnded, watchExit } from './exit-watch.ts'
import { endActor, link } from './links.ts'

/** What a task does. The signal is aborted when the task is to end. Returning `exit(reason)` ends the task with that reason. */
export type TaskFunction<Result> = (signal: AbortSignal) => Result | PromiseLike<Result>

type TaskEvent =
  | { type: 'task.resolved'; value: unknown }
  | { type: 'task.rejected'; error: unknown }
  /** It is to end: as its supervisor says when it stops it. */
  | { type: 'supervisor.shutdown' }

export type TaskSnapshot = Snapshot<unknown> & {
  value: 'running' | 'leaving'
  can: (event: EventObject) => boolean
}

export interface TaskInput {
  run: TaskFunction<unknown>
  /** Linked to the task before the function is called. */
  owner: AnyActorRef | undefined
}

type TaskLogic = ActorLogic<TaskSnapshot, TaskEvent, TaskInput, AnyActorRef['system'], EventObject>

interface Work extends TaskInput {
  controller: AbortController
}

/** Kept beside the snapshots, and dropped at the end: a function may hold much. */
const works = new WeakMap<object, Work>()

/** What takes the links of tasks to their owners away. */
const unlinks = new WeakMap<object, () => void>()

const can = (event: EventObject): boolean => event.type === 'supervisor.shutdown'

/** The function is called in a turn of its own, so that it is never inside of a step of its supervisor. */
export const taskLogic: TaskLogic = {
  transition(snapshot, event, { self, defer }) {
    if (snapshot.status !== 'active') return snapshot
    const controller = works.get(self)?.controller
    if ((event.type as string) === 'xstate.stop') {
      defer(() => controller?.abort())
      works.delete(self)
      return { ...snapshot, status: 'stopped', output: undefined, error: undefined }
    }
    switch (event.type) {
      case 'supervisor.shutdown':
        defer(() => controller?.abort())
        return { ...snapshot, value: 'leaving' }
      case 'task.resolved':
        works.delete(self)
        return { ...snapshot, status: 'done', output: event.value, error: undefined }
      case 'task.rejected': {
        works.delete(self)
        const isObedient = snapshot.value === 'leaving' && isAbort(event.error, controller?.signal)
        return isObedient
          ? { ...snapshot, status: 'done', output: exit('shutdown'), error: undefined }
          : { ...snapshot, status: 'error', output: undefined, error: event.error }
      }
      default:
        return snapshot
    }
  },
  start(_, { self }) {
    const work = works.get(self)
    if (work?.owner) unlinks.set(self, link(work.owner, self))
    const isActive = () => self.getSnapshot().status === 'active'
    const tell = (event: TaskEvent) => {
      if (isActive()) self.send(event)
    }
    Promise.resolve()
      .then(() => (isActive() ? work?.run(work.controller.signal) : undefined))
      .then(
        (value) => tell({ type: 'task.resolved', value }),
        (error: unknown) => tell({ type: 'task.rejected', error }),
      )
  },
  getInitialSnapshot({ self }, input) {
    works.set(self, { ...input, controller: new AbortController() })
    return { status: 'active', output: undefined, error: undefined, value: 'running', can }
  },
  getPersistedSnapshot: (snapshot) => snapshot,
}

/** How a task ended: with its result, or with the reason for which it has none. */
export type TaskOutcome<Result> = { ok: true; value: Result } | { ok: false; reason: ExitReason }

export interface Task<Result> {
  /** The actor of the task. */
  readonly ref: AnyActorRef
  /**
   * The result.
   * @param timeoutMs how long to wait. Default: 5000. The task goes on after it.
   * @throws AxonError `TASK_TIMEOUT`; `TASK_EXITED`, with what the function threw as cause
   */
  await(timeoutMs?: number | 'infinity'): Promise<Result>
  /**
   * How it ended, or undefined where it has not yet. Never rejects.
   * @param timeoutMs how long to wait. Default: 5000.
   */
  yield(timeoutMs?: number | 'infinity'): Promise<TaskOutcome<Result> | undefined>
  /**
   * Ends the task: aborts its signal and waits for the function, then kills it; `'brutal'` kills it at once. Its owner, if it has
   * one, is not touched.
   * @param timeoutMs how long the function has. Default: 5000.
   * @returns the result that came all the same, or the reason of a crash; undefined where it ended because it was asked to
   */
  shutdown(timeoutMs?: number | 'brutal' | 'infinity'): Promise<TaskOutcome<Result> | undefined>
}

/** The handle of an actor of `taskLogic`. */
export function taskOf<Result>(ref: AnyActorRef): Task<Result> {
  const ended = new Promise<TaskOutcome<Result>>((resolve) => {
    if (hasEnded(ref)) resolve(outcomeOf(ref))
    else watchExit(ref, () => resolve(outcomeOf(ref)))
  })
  return {
    ref,
    async await(timeoutMs = 5000) {
      const outcome = await within(ended, timeoutMs, ref)
      if (outcome === undefined) throw timedOut(ref, timeoutMs)
      if (!outcome.ok) throw exited(ref, outcome.reason)
      return outcome.value
    },
    yield: (timeoutMs = 5000) => within(ended, timeoutMs, ref),
    async shutdown(timeoutMs = 5000) {
      unlinks.get(ref)?.()
      if (timeoutMs !== 'brutal' && !hasEnded(ref)) {
        ref.send({ type: 'supervisor.shutdown' })
        await within(ended, timeoutMs, ref)
      }
      if (!hasEnded(ref)) endActor(ref, 'killed')
      const outcome = await ended
      return outcome.ok || !['shutdown', 'killed'].includes(outcome.reason as string) ? outcome : undefined
    },
  }
}

function outcomeOf<Result>(ref: AnyActorRef): TaskOutcome<Result> {
  const { status, output } = ref.getSnapshot()
  if (status === 'done' && !isExitOutput(output)) return { ok: true, value: output as Result }
  return { ok: false, reason: exitReasonOf(ref) }
}

/** Undefined where the time of the actor's system has passed. */
function within<Value>(
  promise: Promise<Value>,
  timeoutMs: number | 'infinity',
  { system: { _clock: clock } }: AnyActorRef,
): Promise<Value | undefined> {
  if (timeoutMs === 'infinity') return promise
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(undefined), timeoutMs)
    void promise.then((value) => {
      clock.clearTimeout(timer)
      resolve(value)
    })
  })
}

function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  return error === signal?.reason || (error as { name?: unknown } | undefined)?.name === 'AbortError'
}

function timedOut(ref: AnyActorRef, timeoutMs: number | 'infinity'): AxonError {
  const message = `Task ${ref.id} was not done within ${timeoutMs} ms, and goes on. Await it again, or shut it down.`
  return new AxonError('TASK_TIMEOUT', message, { context: { task: ref.id, timeoutMs } })
}

function exited(ref: AnyActorRef, reason: ExitReason): AxonError {
  const why = reason instanceof Error ? reason.message : typeof reason === 'string' ? reason : JSON.stringify(reason)
  const message = `Task ${ref.id} ended without a result: ${why}.`
  return new AxonError('TASK_EXITED', message, { context: { task: ref.id, reason: why }, cause: reason })
}
