/**
 * Owns how a machine drives the core of supervision: the effects on XState's actors, timers and listeners. Timers are delayed
 * events, so that they run on the system's clock, also on a simulated one.
 *
 * Children are made with `createActor({ parent })` and ended by XState's own stop event: their cost is flat at any count, which
 * that of `spawnChild` and `stopChild` is not, and what a step did to them can be read at once.
 */
import { type AnyActorRef, type AnyEventObject, createActor, fromCallback } from 'xstate'
import type { Effects } from './effects.ts'
import { recordEnd } from './exit.ts'
import type { SupervisorEvent, SupervisorFact, SupervisorSignal } from './facts.ts'
import { alreadyStarted } from './refusal.ts'
import type { Supervision } from './supervision.ts'

/** What is used of the `enqueue` of `enqueueActions`. */
interface Enqueuer {
  raise(event: SupervisorSignal, options: { id: string; delay: number }): void
  cancel(id: string): void
  emit(fact: SupervisorFact): void
}

/**
 * To be invoked by the machine that drives a core. XState stops what is in `snapshot.children`, where the supervised are not:
 * this one is there for them, and ends them when the machine is stopped.
 */
export const sweeper = fromCallback<
  { type: 'nothing' },
  { supervision: Supervision; drive: { of: Drive | undefined } }
>(({ input: { supervision, drive } }) => () => {
  if (drive.of !== undefined) supervision.abandon(drive.of)
})

/** The effects of one actor. Timers and facts belong to the step that goes on, so each step gives its own `enqueue`. */
export class Drive implements Effects {
  readonly #self: AnyActorRef
  #enqueue: Enqueuer | undefined

  constructor(self: AnyActorRef) {
    this.#self = self
  }

  /**
   * To be called for each event of the actor, from an `enqueueActions`: not from a custom action, inside of which XState warns of
   * machines that are made.
   */
  hear(supervision: Supervision, event: AnyEventObject, enqueue: unknown): void {
    this.#enqueue = enqueue as Enqueuer
    try {
      supervision.handle(toldBy(event), this)
    } catch (error) {
      supervision.abandon(this)
      throw error
    } finally {
      // What the step was about is not kept after it.
      this.#enqueue = undefined
    }
  }

  make(
    id: string,
    logic: Parameters<Effects['make']>[1],
    { input, systemId }: Parameters<Effects['make']>[2],
  ): AnyActorRef {
    if (systemId !== undefined && this.#self.system.get(systemId) !== undefined) throw alreadyStarted(systemId)
    return createActor(logic, { parent: this.#self, id, input, ...(systemId === undefined ? {} : { systemId }) })
  }

  start(ref: AnyActorRef): void {
    ref.start()
  }

  end(id: string, ref: AnyActorRef): void {
    let isWithin = true
    const onEnd = () => {
      recordEnd(ref)
      if (!isWithin) this.#self.send({ type: 'supervisor.look', child: id })
    }
    ref.subscribe({ complete: onEnd, error: onEnd })
    ref.send({ type: 'xstate.stop' })
    isWithin = false
  }

  send(ref: AnyActorRef, event: { type: string }): void {
    ref.send(event)
  }

  watch(id: string, ref: AnyActorRef, hasCome: (snapshot: unknown) => boolean): () => void {
    const hear = (snapshot: unknown) => {
      if (hasCome(snapshot)) this.#self.send({ type: 'supervisor.look', child: id })
    }
    const { unsubscribe } = ref.subscribe({ next: hear, error: () => {} })
    return unsubscribe
  }

  schedule(timer: string, delayMs: number): void {
    this.#enqueue?.raise({ type: 'supervisor.timer', timer }, { id: timer, delay: delayMs })
  }

  cancel(timer: string): void {
    this.#enqueue?.cancel(timer)
  }

  goOnLater(): void {
    this.#self.send({ type: 'supervisor.continue' })
  }

  tell(fact: SupervisorFact): void {
    if (isHeard(this.#self)) this.#enqueue?.emit(fact)
  }

  now(): number {
    const { clock } = this.#self as unknown as { clock?: { now?: () => number } }
    return clock?.now?.() ?? performance.now()
  }
}

/** Whether anybody listens to what the actor emits; yes where this XState does not say. */
function isHeard(self: AnyActorRef): boolean {
  return (self as unknown as { eventListeners?: { size: number } }).eventListeners?.size !== 0
}

/** The end of a child is told by XState in words of its own. */
function toldBy(event: AnyEventObject): SupervisorEvent {
  return /^xstate\.(done|error)\.actor\./.test(event.type)
    ? { type: 'supervisor.look', child: event.actorId }
    : (event as SupervisorEvent)
}
