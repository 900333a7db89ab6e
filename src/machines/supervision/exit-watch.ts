/**
 * Owns the one subscription by which everything here learns that an actor has ended: monitors, links, registries, groups and
 * topics share it, so that a busy actor with many watchers pays for one observer at each of its transitions.
 *
 * 1. Each watcher is called once, in the order in which they came; one that is taken away while others are called is not.
 * 2. Nothing is kept of an actor that has ended, nor of one that nobody watches any more.
 * 3. A watcher that throws keeps the news from nobody: the error goes to the logger of the actor's system.
 */
import type { AnyActorRef, Subscription } from 'xstate'
import { exitReasonOf, recordEnd, recordExit } from './exit.ts'

interface Watch {
  watchers: Set<() => void>
  subscription: Subscription
}

const watches = new WeakMap<AnyActorRef, Watch>()

/** Calls `onExit` once when the actor ends, in the same step. The answer takes it away. The actor must not have ended. */
export function watchExit(ref: AnyActorRef, onExit: () => void): () => void {
  const watch = watches.get(ref) ?? begin(ref)
  // A function of its own for each watcher: the same one may watch twice.
  const watcher = () => onExit()
  watch.watchers.add(watcher)
  return () => {
    if (!watch.watchers.delete(watcher) || watch.watchers.size > 0) return
    watch.subscription.unsubscribe()
    if (watches.get(ref) === watch) watches.delete(ref)
  }
}

/** What XState calls an actor that has ended. The snapshot of a logic such as fromTransition does not say it. */
const stopped = 2

/** Whether the actor has ended. One that was made and not started yet has not. */
export function hasEnded(ref: AnyActorRef): boolean {
  if ((ref as unknown as { _processingStatus?: number })._processingStatus === stopped) return true
  return exitReasonOf(ref) !== undefined
}

/** Tells the logger of the actor's system that a listener threw: it must not keep an event from the others. */
export function reportListenerError(ref: AnyActorRef, type: string, error: unknown): void {
  ref.system._logger(`A listener of ${type} threw.`, error)
}

export function isActorRef(value: unknown): value is AnyActorRef {
  if (typeof value !== 'object' || value === null) return false
  const { send, subscribe, getSnapshot, system } = value as Partial<AnyActorRef>
  return [send, subscribe, getSnapshot].every((member) => typeof member === 'function') && system !== undefined
}

function begin(ref: AnyActorRef): Watch {
  const watchers = new Set<() => void>()
  const end = () => {
    watches.delete(ref)
    recordEnd(ref)
    if (exitReasonOf(ref) === undefined) {
      recordExit(ref, 'shutdown')
      recordEnd(ref)
    }
    for (const watcher of watchers) {
      watchers.delete(watcher)
      try {
        watcher()
      } catch (error) {
        reportListenerError(ref, 'an exit', error)
      }
    }
  }
  const watch = { watchers, subscription: ref.subscribe({ complete: end, error: end }) }
  watches.set(ref, watch)
  return watch
}
