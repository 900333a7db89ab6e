/**
 * Owns publishing and subscribing by topic, as an actor. Which subscription takes which topic is topic-table.ts; this file gives
 * it an actor and a handle.
 *
 * Messages are events of the actor: all subscribers see them in the order in which they were published, those too that a
 * subscriber publishes. A subscription has begun when the handle returns, and is told to the actor as a fact, for inspectors.
 */
import type { ActorLogic, ActorRefFrom, AnyActorRef, EventObject, Snapshot } from 'xstate'
import { AxonError } from '../../errors.ts'
import { Deliveries, type Listener } from './deliveries.ts'
import { hasEnded, isActorRef } from './exit-watch.ts'
import { faultOf, type PubSubMessage, type Subscription, TopicTable } from './topic-table.ts'

/** What may be sent to the actor, as with `sendTo(({ system }) => system.get('pubsub'), …)`. What cannot be is left undone. */
export type PubSubCommand =
  | { type: 'pubsub.publish'; topic: string; message: unknown }
  | { type: 'pubsub.subscribe'; topic: string; listener: AnyActorRef }
  /** Without a topic: all subscriptions of the actor. */
  | { type: 'pubsub.unsubscribe'; topic?: string; listener: AnyActorRef }

/** What the handle has done. */
type PubSubFact = { type: 'pubsub.subscribed'; topic: string } | { type: 'pubsub.unsubscribed'; topic: string }

/** What the inspector shows: how many subscriptions there are. */
export type PubSubSnapshot = Snapshot<undefined> & { context: { subscriptions: number } }

type PubSubLogic = ActorLogic<PubSubSnapshot, PubSubCommand | PubSubFact, undefined, AnyActorRef['system'], EventObject>
export type PubSubActor = ActorRefFrom<PubSubLogic>

interface State {
  table: TopicTable
  deliveries: Deliveries<PubSubMessage>
}

/** Kept beside the snapshots, which hold data only. */
const stateOf = new WeakMap<object, State>()

/** Topics: `createActor(pubsubLogic, { parent, id: 'pubsub', systemId: 'pubsub' })`, then `pubsubOf(ref)`. */
export const pubsubLogic: PubSubLogic = {
  transition(snapshot, event, { self, defer }) {
    const { table, deliveries } = stateOf.get(self) as State
    if ((event.type as string) === 'xstate.stop') {
      table.close()
      return { ...snapshot, status: 'stopped', output: undefined, error: undefined, context: { subscriptions: 0 } }
    }
    if (event.type === 'pubsub.publish') {
      const { topic, message } = event
      const subscriptions = typeof topic === 'string' ? table.match(topic) : []
      if (subscriptions.length > 0) {
        deliveries.add(subscriptions, { type: 'pubsub.message', topic, message }, self)
        defer(() => deliveries.deliver())
      }
      return snapshot
    }
    if (event.type === 'pubsub.subscribe') {
      const { topic, listener } = event
      if (isActorRef(listener) && !hasEnded(listener) && !faultOf(topic, 'subscribe')) table.subscribe(topic, listener)
    } else if (event.type === 'pubsub.unsubscribe') {
      for (const subscription of table.subscriptionsOf(event.listener)) {
        if (event.topic === undefined || event.topic === subscription.topic) table.unsubscribe(subscription)
      }
    }
    return { ...snapshot, context: { subscriptions: table.size } }
  },
  getInitialSnapshot({ self }) {
    const onExit = (ref: AnyActorRef) => {
      for (const subscription of table.subscriptionsOf(ref)) unsubscribe(self, subscription)
    }
    const table = new TopicTable(onExit)
    stateOf.set(self, { table, deliveries: new Deliveries() })
    return { status: 'active', output: undefined, error: undefined, context: { subscriptions: 0 } }
  },
  getPersistedSnapshot: (snapshot) => snapshot,
}

export interface PubSub {
  readonly actor: PubSubActor
  /**
   * Hands a message to all who subscribe to the topic: first those of the topic itself, then those with wildcards. Topics are
   * segments between dots, as `orders.created`.
   * @throws AxonError `PUBSUB_TOPIC_INVALID` where the topic has an empty segment or a wildcard; `ACTOR_NOT_RUNNING` after its end.
   */
  publish(topic: string, message: unknown): void
  /**
   * Calls a function with each message, `{ type: 'pubsub.message', topic, message }`, or sends it to an actor, whose subscriptions
   * end with it. `*` stands for one segment, `**` at the end for any number, none included. Who subscribes twice hears twice. A
   * listener that throws is told to the logger of the actor system. The answer ends it, also for what waits to be handed over.
   * @throws AxonError `PUBSUB_TOPIC_INVALID`; `ACTOR_NOT_RUNNING` where this or the subscriber has ended.
   */
  subscribe<Message = unknown>(topic: string, listener: Listener<PubSubMessage<Message>>): () => void
}

/** The handle of a pubsub actor. It holds nothing itself: any number may be made. */
export function pubsubOf(actor: PubSubActor): PubSub {
  const running = (ref: AnyActorRef) => {
    if (hasEnded(ref)) throw notRunning(ref)
  }
  return {
    actor,
    publish(topic, message) {
      running(actor)
      check(topic, 'publish')
      actor.send({ type: 'pubsub.publish', topic, message })
    },
    subscribe<Message>(topic: string, listener: Listener<PubSubMessage<Message>>) {
      running(actor)
      check(topic, 'subscribe')
      if (typeof listener !== 'function') running(listener)
      const { table } = stateOf.get(actor) as State
      const subscription = table.subscribe(topic, listener as Listener<PubSubMessage>)
      actor.send({ type: 'pubsub.subscribed', topic })
      return () => unsubscribe(actor, subscription)
    },
  }
}

function unsubscribe(actor: PubSubActor, subscription: Subscription): void {
  if (!subscription.isActive) return
  if (hasEnded(actor)) {
    // The table is empty already; what waits to be handed over is kept back.
    subscription.isActive = false
    return
  }
  stateOf.get(actor)?.table.unsubscribe(subscription)
  actor.send({ type: 'pubsub.unsubscribed', topic: subscription.topic })
}

function check(topic: string, purpose: 'publish' | 'subscribe'): void {
  const fault = faultOf(topic, purpose)
  if (fault === undefined) return
  const message = `The topic ${JSON.stringify(topic)} ${fault}. Topics are segments between dots, as orders.created.`
  throw new AxonError('PUBSUB_TOPIC_INVALID', message, { context: { topic } })
}

function notRunning(actor: AnyActorRef): AxonError {
  const message = `The actor ${actor.id} has ended: it neither passes messages on nor takes any.`
  return new AxonError('ACTOR_NOT_RUNNING', message, { context: { actor: actor.id } })
}
