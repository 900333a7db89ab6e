/**
 * Owns what one actor learns of the end of another: `monitor` tells it, `link` shares it. Why an actor ended is exit.ts; what a
 * supervisor does about it is the supervisor.
 *
 * Both work between any two actors, of one system or of two. What is called here runs in the step in which the actor ends,
 * before its parent hears of it.
 */
import type { AnyActorRef, EventObject } from 'xstate'
import { hand, type Listener } from './deliveries.ts'
import { type ExitReason, exitReasonOf, recordExit } from './exit.ts'
import { hasEnded, watchExit } from './exit-watch.ts'

/** The end of a monitored actor. `reason` is `'noproc'` where it had ended before it was monitored. */
export interface Down {
  type: 'down'
  ref: AnyActorRef
  reason: ExitReason
}

export interface Monitor {
  /** The actor that is monitored. */
  readonly ref: AnyActorRef
  /** Ends it. The listener hears nothing any more, not even of an end that is being told to others just now. */
  demonitor(): void
}

/**
 * Tells `listener`, a function or an actor, once when `ref` ends: at once, with reason `'noproc'`, where it has ended already. One-way:
 * `ref` never notices. Monitors stack: two of them bring two events. A listener that throws is told to the logger of the actor's
 * system; the monitor of an actor ends with it.
 */
export function monitor(ref: AnyActorRef, listener: Listener<Down>): Monitor {
  const tell = (reason: ExitReason) => hand(listener, { type: 'down', ref, reason }, ref)
  const isActor = typeof listener !== 'function'
  if (hasEnded(ref)) tell('noproc')
  if (hasEnded(ref) || (isActor && hasEnded(listener))) return { ref, demonitor: () => undefined }
  const ends = [
    watchExit(ref, () => {
      demonitor()
      tell(exitReasonOf(ref))
    }),
  ]
  const demonitor = () => {
    for (const end of ends) end()
  }
  if (isActor) ends.push(watchExit(listener, demonitor))
  return { ref, demonitor }
}

/** What an actor that traps exits is sent at the end of one that it is linked to. */
export interface ActorExit {
  type: 'actor.exit'
  from: AnyActorRef
  reason: ExitReason
}

const links = new WeakMap<AnyActorRef, Map<AnyActorRef, () => void>>()

/**
 * Ties the ends of two actors together, in both directions. When one ends, the other is sent `{ type: 'actor.exit', from, reason }`
 * if its snapshot says that it can take that event: it traps exits. Any other is stopped with the same reason, unless that is
 * `'normal'`; its parent then hears of it as of a crash. Linking to an actor that has ended is an exit with reason `'noproc'`.
 *
 * Two actors have one link at most: linking them again changes nothing. The answer takes the link away.
 */
export function link(a: AnyActorRef, b: AnyActorRef): () => void {
  const known = links.get(a)?.get(b)
  if (known !== undefined) return known
  if (a === b) return () => undefined
  const [hasEndedA, hasEndedB] = [hasEnded(a), hasEnded(b)]
  if (hasEndedA || hasEndedB) {
    if (!hasEndedA) signalExit(a, b, 'noproc')
    if (!hasEndedB) signalExit(b, a, 'noproc')
    return () => undefined
  }
  const tell = (from: AnyActorRef, to: AnyActorRef) => () => {
    unlink()
    if (!hasEnded(to)) signalExit(to, from, exitReasonOf(from))
  }
  const unwatch = [watchExit(a, tell(a, b)), watchExit(b, tell(b, a))]
  const unlink = () => {
    for (const end of unwatch) end()
    forget(a, b)
    forget(b, a)
  }
  remember(a, b, unlink)
  remember(b, a, unlink)
  return unlink
}

function remember(from: AnyActorRef, to: AnyActorRef, unlink: () => void): void {
  const ofFrom = links.get(from)
  if (ofFrom) ofFrom.set(to, unlink)
  else links.set(from, new Map([[to, unlink]]))
}

function forget(from: AnyActorRef, to: AnyActorRef): void {
  const ofFrom = links.get(from)
  if (ofFrom?.delete(to) && ofFrom.size === 0) links.delete(from)
}

function signalExit(to: AnyActorRef, from: AnyActorRef, reason: ExitReason): void {
  const exit: ActorExit = { type: 'actor.exit', from, reason }
  if (takes(to, exit)) to.send(exit)
  else if (reason !== 'normal') endActor(to, reason)
}

/** An actor whose guard throws does not take the event. */
function takes(ref: AnyActorRef, event: EventObject): boolean {
  try {
    return ref.getSnapshot().can?.(event) === true
  } catch {
    return false
  }
}

/** Those that were told to end in a step of their own that is not over. */
const ending = new WeakSet<AnyActorRef>()

/**
 * Stops any actor from outside, with its cleanup. XState offers that for roots only, and tells no parent of it. One that is in the
 * middle of a step ends after it; the first reason holds.
 */
export function endActor(ref: AnyActorRef, reason: ExitReason): void {
  if (ending.has(ref)) return
  ending.add(ref)
  recordExit(ref, reason)
  const parent = ref._parent
  if (parent) {
    watchExit(ref, () => {
      if (!hasEnded(parent)) {
        parent.send({ type: `xstate.error.actor.${ref.id}`, error: exitReasonOf(ref), actorId: ref.id })
      }
    })
  }
  ;(ref as unknown as { _stop(): void })._stop()
}
