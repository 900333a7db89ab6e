/**
 * Owns the way of an event to those who listen: functions and actors, one event after the other. Who listens to what is known
 * by the owners of registries, groups and topics.
 *
 * 1. All see the same order: an event that a listener causes is delivered after the one that it is told of.
 * 2. Who has left hears nothing more, also of what waited to be delivered.
 * 3. A listener that throws harms nobody.
 */
import type { AnyActorRef, EventObject } from 'xstate'
import { hasEnded, reportListenerError } from './exit-watch.ts'

/** A function that is called with each event, or an actor that the events are sent to. */
export type Listener<Event extends EventObject> = ((event: Event) => void) | AnyActorRef

export interface Listening<Event extends EventObject> {
  readonly listener: Listener<Event>
  isActive: boolean
}

interface Waiting<Event extends EventObject> {
  to: Iterable<Listening<Event>>
  event: Event
  /** An actor of the system whose logger hears of errors. */
  about: AnyActorRef
}

export class Deliveries<Event extends EventObject> {
  #waiting: Waiting<Event>[] = []
  #isDelivering = false

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Keeps an event for those of `to`, which must not change later. */
  add(to: Iterable<Listening<Event>>, event: Event, about: AnyActorRef): void {
    this.#waiting.push({ to, event, about })
  }

  /** Delivers all that waits, unless that is being done further up. */
  deliver(): void {
    if (this.#isDelivering) return
    this.#isDelivering = true
    try {
      // What listeners add is delivered in the same turn.
      for (let next = 0; next < this.#waiting.length; next++) {
        const { to, event, about } = this.#waiting[next] as Waiting<Event>
        for (const listening of to) if (listening.isActive) hand(listening.listener, event, about)
      }
    } finally {
      this.#waiting = []
      this.#isDelivering = false
    }
  }
}

/** Calls the function, or sends the event to the actor unless that has ended. `about`: an actor whose system's logger hears of errors. */
export function hand<Event extends EventObject>(listener: Listener<Event>, event: Event, about: AnyActorRef): void {
  if (typeof listener !== 'function') {
    if (!hasEnded(listener)) listener.send(event)
    return
  }
  const report = (error: unknown) => reportListenerError(about, event.type, error)
  try {
    const answer: unknown = listener(event)
    // An async function is a listener, too.
    if (answer instanceof Promise) answer.catch(report)
  } catch (error) {
    report(error)
  }
}
