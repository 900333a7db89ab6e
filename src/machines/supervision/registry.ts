/**
 * Owns which actor has registered under which key, as Elixir's Registry: for finding actors by name, and for giving many actors
 * one key. An actor that ends is taken out in the same step. Names within one actor system are XState's own `systemId`.
 */
import type { AnyActorRef } from 'xstate'
import { AxonError } from '../../errors.ts'
import { Deliveries, type Listener, type Listening } from './deliveries.ts'
import { hasEnded, watchExit } from './exit-watch.ts'

export interface RegistryOptions<Key, Value> {
  /** `'unique'`: one actor a key. `'duplicate'`: any number, and one actor any number of times. */
  keys: 'unique' | 'duplicate'
  /** Functions or actors that hear of every registration and its end. */
  listeners?: readonly Listener<RegistryEvent<Key, Value>>[]
}

export type RegistryEvent<Key, Value> =
  | { type: 'registry.registered'; key: Key; ref: AnyActorRef; value: Value }
  /** It was unregistered, or its actor ended. */
  | { type: 'registry.unregistered'; key: Key; ref: AnyActorRef }

export interface RegistryEntry<Value> {
  ref: AnyActorRef
  value: Value
}

export interface Registry<Key, Value> {
  /**
   * Registers an actor, with a value for those who look it up.
   * @throws AxonError `REGISTRY_KEY_TAKEN` where keys are unique and a living actor holds it, this one or another (`context.holder`
   * is its id, `lookup(key)` has its ref); `ACTOR_NOT_RUNNING` where `ref` has ended.
   */
  register(key: Key, ref: AnyActorRef, ...value: undefined extends Value ? [value?: Value] : [value: Value]): void
  /** Takes out all that `ref` has registered under the key. Nothing happens where there is nothing. */
  unregister(key: Key, ref: AnyActorRef): void
  /** The living actors of the key in the order in which they came, of a unique key one at most. */
  lookup(key: Key): readonly RegistryEntry<Value>[]
  /** The keys of an actor, a key that it registered twice twice. */
  keys(ref: AnyActorRef): Key[]
  /** How many registrations there are. */
  count(): number
}

/** Makes an empty registry. Keys are compared as a Map does. */
export function createRegistry<Key = string, Value = undefined>(
  options: RegistryOptions<Key, Value>,
): Registry<Key, Value> {
  const holders = new Map<Key, Map<AnyActorRef, Value[]>>()
  const members = new Map<AnyActorRef, { keys: Set<Key>; unwatch: () => void }>()
  const listening = (options.listeners ?? []).map(
    (listener): Listening<RegistryEvent<Key, Value>> => ({ listener, isActive: true }),
  )
  const deliveries = new Deliveries<RegistryEvent<Key, Value>>()
  let total = 0

  const remove = (key: Key, ref: AnyActorRef) => {
    const ofKey = holders.get(key)
    const values = ofKey?.get(ref) ?? []
    if (ofKey?.delete(ref) && ofKey.size === 0) holders.delete(key)
    total -= values.length
    for (const _ of values) deliveries.add(listening, { type: 'registry.unregistered', key, ref }, ref)
  }
  const removeEnded = (ref: AnyActorRef) => {
    const member = members.get(ref)
    members.delete(ref)
    member?.unwatch()
    for (const key of member?.keys ?? []) remove(key, ref)
    deliveries.deliver()
  }

  return {
    register(key, ref, ...[value]) {
      if (hasEnded(ref)) throw notRunning(ref, key)
      if (options.keys === 'unique') {
        for (const holder of holders.get(key)?.keys() ?? []) {
          // One that ended in this very step may still be there.
          if (hasEnded(holder)) removeEnded(holder)
          else throw keyTaken(key, holder)
        }
      }
      const ofKey = holders.get(key) ?? new Map<AnyActorRef, Value[]>()
      holders.set(key, ofKey)
      const values = ofKey.get(ref)
      if (values) values.push(value as Value)
      else ofKey.set(ref, [value as Value])
      const member = members.get(ref)
      if (member) member.keys.add(key)
      else members.set(ref, { keys: new Set([key]), unwatch: watchExit(ref, () => removeEnded(ref)) })
      total++
      deliveries.add(listening, { type: 'registry.registered', key, ref, value: value as Value }, ref)
      deliveries.deliver()
    },
    unregister(key, ref) {
      const member = members.get(ref)
      if (!member?.keys.delete(key)) return
      if (member.keys.size === 0) {
        members.delete(ref)
        member.unwatch()
      }
      remove(key, ref)
      deliveries.deliver()
    },
    lookup: (key) =>
      [...(holders.get(key) ?? [])].flatMap(([ref, values]) =>
        hasEnded(ref) ? [] : values.map((value) => ({ ref, value })),
      ),
    keys: (ref) =>
      [...(members.get(ref)?.keys ?? [])].flatMap((key) => (holders.get(key)?.get(ref) ?? []).map(() => key)),
    count: () => total,
  }
}

function keyTaken(key: unknown, holder: AnyActorRef): AxonError {
  const message = `The key ${String(key)} is taken by actor ${holder.id}. Use another one, or wait until that actor has ended.`
  return new AxonError('REGISTRY_KEY_TAKEN', message, {
    context: { key: String(key), holder: holder.id, sessionId: holder.sessionId },
  })
}

function notRunning(ref: AnyActorRef, key: unknown): AxonError {
  const message = `Actor ${ref.id} has ended and cannot register under ${String(key)}. Register the one that took its place.`
  return new AxonError('ACTOR_NOT_RUNNING', message, { context: { actor: ref.id } })
}
