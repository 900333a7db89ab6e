/**
 * Owns the interface between the core of supervision and the machine that drives it: what the core has done to actors, timers
 * and listeners. The core itself knows no action of XState's; drive.ts fills this for a machine.
 */
import type { AnyActorLogic, AnyActorRef } from 'xstate'
import type { SupervisorFact } from './facts.ts'

export interface Effects {
  /** Makes an actor that is not started yet. Throws where it cannot be made. */
  make(id: string, logic: AnyActorLogic, options: { input: unknown; systemId: string | undefined }): AnyActorRef
  /** Starts it; when this returns, its snapshot says how that went. */
  start(ref: AnyActorRef): void
  /** Ends it with its cleanup, and records its end. One that is in the middle of a step ends after that, and is looked at then. */
  end(id: string, ref: AnyActorRef): void
  send(ref: AnyActorRef, event: { type: string }): void
  /** Calls back at once and at every change; what it returns stops that. When the callback says true, the child is looked at. */
  watch(id: string, ref: AnyActorRef, hasCome: (snapshot: unknown) => boolean): () => void
  /** After the delay, also of 0, the core hears `supervisor.timer`. */
  schedule(timer: string, delayMs: number): void
  cancel(timer: string): void
  /** The core hears `supervisor.continue` in a turn of its own. */
  goOnLater(): void
  tell(fact: SupervisorFact): void
  /** A monotonic clock in milliseconds. */
  now(): number
}
