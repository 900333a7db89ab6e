/**
 * Owns how one child is started: made, started, and waited for until it is ready. What follows a start that failed is its
 * caller's.
 */
import type { AnyActorRef } from 'xstate'
import type { Child } from './children.ts'
import type { Core } from './core.ts'
import { type ExitReason, exitReasonOf, isAlive, isExitOutput, recordExit } from './exit.ts'
import type { Operation } from './turns.ts'

export type StartOutcome =
  | { is: 'started'; ref: AnyActorRef }
  | { is: 'ignored' }
  | { is: 'failed'; reason: ExitReason }

/** Leaves the child `running`, or without an actor, in the state `stopped`. */
export function* startChild(core: Core, child: Child): Operation<StartOutcome> {
  yield* core.turns.breathe()
  if (child.state !== 'restarting') child.state = 'starting'
  const outcome = yield* startActor(core, child)
  if (outcome.is === 'started') {
    child.state = 'running'
    child.startedAt = core.now()
    child.formerRef = undefined
    if (child.isTemporary) forgetArguments(child)
    core.tell({ type: 'child.started', id: child.id, ref: outcome.ref })
    return outcome
  }
  child.state = 'stopped'
  child.ref = undefined
  if (outcome.is === 'ignored') {
    child.formerRef = undefined
    core.tell({ type: 'child.ignored', id: child.id })
  } else {
    child.exitReason = outcome.reason
    core.tell({ type: 'child.startFailed', id: child.id, reason: outcome.reason })
  }
  return outcome
}

function* startActor(core: Core, child: Child): Operation<StartOutcome> {
  let ref: AnyActorRef
  try {
    const { logic, systemId } = child.settings
    ref = core.effects.make(child.id, logic, { input: inputOf(child), systemId })
  } catch (reason) {
    return { is: 'failed', reason }
  }
  const { status, error } = ref.getSnapshot()
  if (status === 'error') return { is: 'failed', reason: error }
  child.ref = ref
  if (child.settings.ready !== undefined) return yield* startAndAwait(core, child, ref)
  core.effects.start(ref)
  const snapshot = ref.getSnapshot()
  // Done at once, and by no reason of its own, is a short life rather than a failure: the end is seen as any other.
  if (isAlive(ref) || (snapshot.status === 'done' && !isExitOutput(snapshot.output))) return { is: 'started', ref }
  return ended(ref)
}

/** Waits until `ready` first holds, the actor ends, or the time is up. */
function* startAndAwait(core: Core, child: Child, ref: AnyActorRef): Operation<StartOutcome> {
  const isReady = child.settings.ready as (snapshot: unknown) => boolean
  let hasCome = false
  let mistake: { error: unknown } | undefined
  let isLate = false
  const unwatch = core.effects.watch(child.id, ref, (snapshot) => {
    if (hasCome || mistake !== undefined) return false
    try {
      hasCome = isReady(snapshot)
    } catch (error) {
      mistake = { error }
    }
    return hasCome || mistake !== undefined
  })
  core.effects.start(ref)
  const isSettled = () => hasCome || mistake !== undefined || isLate || !isAlive(ref)
  if (!isSettled()) {
    const { startMs } = child.settings
    const timer = Number.isFinite(startMs) ? core.arm(startMs, () => (isLate = true)) : undefined
    yield isSettled
    core.disarm(timer)
  }
  unwatch()
  if (hasCome) return { is: 'started', ref }
  if (!isAlive(ref)) return ended(ref)
  recordExit(ref, 'killed')
  core.effects.end(child.id, ref)
  yield () => !isAlive(ref)
  return { is: 'failed', reason: mistake === undefined ? 'timeout' : (mistake as { error: unknown }).error }
}

function ended(ref: AnyActorRef): StartOutcome {
  const reason = exitReasonOf(ref)
  return reason === 'ignore' ? { is: 'ignored' } : { is: 'failed', reason }
}

function inputOf({ settings, argument }: Child): unknown {
  const { input, isTemplate } = settings
  if (isTemplate && typeof input === 'function') return input(argument)
  return isTemplate && argument !== undefined ? argument : input
}

/** They may be large, and are of no use any more. */
function forgetArguments(child: Child): void {
  child.argument = undefined
  const { settings } = child
  if (settings.isTemplate || (settings.input ?? settings.ready) === undefined) return
  child.settings = { ...settings, input: undefined, ready: undefined }
}
