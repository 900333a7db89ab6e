/**
 * Owns who subscribes to which topic, and who is meant by a message. The actor around it is pubsub.ts.
 *
 * A topic is segments between dots. In a subscription `*` stands for one whole segment, and `**`, as the last one, for any number
 * of further segments, none included: `orders.**` takes `orders`, `orders.created` and `orders.eu.created`.
 * Subscriptions without a wildcard are found with one look into a map; the others in a tree, by the segments of the topic.
 */
import type { AnyActorRef } from 'xstate'
import type { Listener, Listening } from './deliveries.ts'
import { watchExit } from './exit-watch.ts'

/** What a function is called with, and what an actor is sent. */
export interface PubSubMessage<Message = unknown> {
  type: 'pubsub.message'
  /** The topic that it was published to, without wildcards. */
  topic: string
  message: Message
}

export interface Subscription extends Listening<PubSubMessage> {
  topic: string
}

/** Those of one topic or pattern, in the order of subscription. The list is made anew after a change. */
class Subscribers {
  #all = new Set<Subscription>()
  #list: readonly Subscription[] | undefined

  get size(): number {
    return this.#all.size
  }

  get list(): readonly Subscription[] {
    this.#list ??= [...this.#all]
    return this.#list
  }

  add(subscription: Subscription): void {
    this.#all.add(subscription)
    this.#list = undefined
  }

  delete(subscription: Subscription): boolean {
    this.#list = undefined
    return this.#all.delete(subscription)
  }
}

/** The patterns that go on here with a segment, with `*`, or end here; `rest` are those that end with `**`. */
class Branch {
  readonly next = new Map<string, Branch>()
  readonly here = new Subscribers()
  readonly rest = new Subscribers()

  get isEmpty(): boolean {
    return this.next.size === 0 && this.here.size === 0 && this.rest.size === 0
  }
}

export class TopicTable {
  #exact = new Map<string, Subscribers>()
  #patterns = new Branch()
  #ofActors = new Map<AnyActorRef, { subscriptions: Set<Subscription>; unwatch: () => void }>()
  readonly #onExit: (ref: AnyActorRef) => void
  #size = 0

  /** `onExit` is called when an actor that subscribes has ended, while its subscriptions are still there. */
  constructor(onExit: (ref: AnyActorRef) => void) {
    this.#onExit = onExit
  }

  /** How many subscriptions there are. */
  get size(): number {
    return this.#size
  }

  subscribe(topic: string, listener: Listener<PubSubMessage>): Subscription {
    const subscription: Subscription = { topic, listener, isActive: true }
    this.#subscribersOf(topic).add(subscription)
    this.#size++
    if (typeof listener !== 'function') {
      const ofActor = this.#ofActors.get(listener)
      if (ofActor) ofActor.subscriptions.add(subscription)
      else {
        const unwatch = watchExit(listener, () => this.#onExit(listener))
        this.#ofActors.set(listener, { subscriptions: new Set([subscription]), unwatch })
      }
    }
    return subscription
  }

  unsubscribe(subscription: Subscription): void {
    if (!subscription.isActive) return
    subscription.isActive = false
    this.#size--
    const { topic, listener } = subscription
    if (isPattern(topic)) removeFrom(this.#patterns, topic.split('.'), subscription)
    else {
      const exact = this.#exact.get(topic)
      if (exact?.delete(subscription) && exact.size === 0) this.#exact.delete(topic)
    }
    if (typeof listener === 'function') return
    const ofActor = this.#ofActors.get(listener)
    if (!ofActor?.subscriptions.delete(subscription) || ofActor.subscriptions.size > 0) return
    ofActor.unwatch()
    this.#ofActors.delete(listener)
  }

  subscriptionsOf(ref: AnyActorRef): readonly Subscription[] {
    return [...(this.#ofActors.get(ref)?.subscriptions ?? [])]
  }

  /** Those whom a message to the topic is for: those of the topic itself first, then those with wildcards. */
  match(topic: string): readonly Subscription[] {
    const exact = this.#exact.get(topic)?.list ?? []
    if (this.#patterns.isEmpty || isPattern(topic)) return exact
    const found = [...exact]
    collect(this.#patterns, topic.split('.'), 0, found)
    return found
  }

  close(): void {
    for (const { unwatch } of this.#ofActors.values()) unwatch()
    this.#exact.clear()
    this.#patterns = new Branch()
    this.#ofActors.clear()
    this.#size = 0
  }

  #subscribersOf(topic: string): Subscribers {
    if (!isPattern(topic)) {
      const exact = this.#exact.get(topic) ?? new Subscribers()
      this.#exact.set(topic, exact)
      return exact
    }
    let branch = this.#patterns
    for (const segment of topic.split('.')) {
      if (segment === '**') return branch.rest
      const next = branch.next.get(segment) ?? new Branch()
      branch.next.set(segment, next)
      branch = next
    }
    return branch.here
  }
}

/** What is wrong with a topic to publish to or to subscribe to, if anything. */
export function faultOf(topic: unknown, purpose: 'publish' | 'subscribe'): string | undefined {
  if (typeof topic !== 'string') return 'is not a string'
  if (topic === '' || topic.startsWith('.') || topic.endsWith('.') || topic.includes('..'))
    return 'has an empty segment'
  if (!isPattern(topic)) return undefined
  if (purpose === 'publish') return 'has a wildcard, which only subscriptions may have'
  const segments = topic.split('.')
  if (segments.some((segment) => segment.includes('*') && segment !== '*' && segment !== '**')) {
    return 'has a wildcard beside other characters: it stands for whole segments'
  }
  return segments.slice(0, -1).includes('**') ? 'has ** before its end' : undefined
}

function isPattern(topic: string): boolean {
  return topic.includes('*')
}

function collect(branch: Branch, segments: readonly string[], depth: number, found: Subscription[]): void {
  for (const subscription of branch.rest.list) found.push(subscription)
  const segment = segments[depth]
  if (segment === undefined) {
    for (const subscription of branch.here.list) found.push(subscription)
    return
  }
  for (const key of [segment, '*']) {
    const next = branch.next.get(key)
    if (next) collect(next, segments, depth + 1, found)
  }
}

function removeFrom(branch: Branch, segments: readonly string[], subscription: Subscription): void {
  const [segment, ...others] = segments
  if (segment === undefined) branch.here.delete(subscription)
  else if (segment === '**') branch.rest.delete(subscription)
  else {
    const next = branch.next.get(segment)
    if (next === undefined) return
    removeFrom(next, others, subscription)
    if (next.isEmpty) branch.next.delete(segment)
  }
}
