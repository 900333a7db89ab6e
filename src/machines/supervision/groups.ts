/**
 * Owns process groups in the manner of OTP's pg, as an actor: one actor is one scope, and scopes know nothing of each other.
 * Who is in which group is group-table.ts; this file gives it an actor and a handle.
 *
 * What the handle does has happened when it returns, and is told to the actor as a fact, so that inspectors show it. Actors that
 * have no handle send commands.
 */
import {
  type ActorLogic,
  type ActorRefFrom,
  type AnyActorRef,
  createActor,
  type EventObject,
  type Snapshot,
} from 'xstate'
import { AxonError } from '../../errors.ts'
import type { Listener } from './deliveries.ts'
import { hasEnded, isActorRef } from './exit-watch.ts'
import { type GroupEvent, GroupTable } from './group-table.ts'

/** What may be sent to the actor of a scope. What is no living actor does not join. */
export type GroupsCommand =
  | { type: 'group.join'; group: string; refs: AnyActorRef | readonly AnyActorRef[] }
  | { type: 'group.leave'; group: string; refs: AnyActorRef | readonly AnyActorRef[] }

/** What the inspector shows: how many groups there are, and how many actors are in one. */
export type GroupsSnapshot = Snapshot<undefined> & { context: { groups: number; members: number } }

type GroupsLogic = ActorLogic<GroupsSnapshot, GroupsCommand | GroupEvent, undefined, AnyActorRef['system'], EventObject>
export type GroupsActor = ActorRefFrom<GroupsLogic>

interface Scope {
  table: GroupTable
  /** The scopes below this one, by name. */
  scopes: Map<string, GroupsActor>
}

/** Kept beside the snapshots, which hold data only. */
const scopeOf = new WeakMap<object, Scope>()

/** A scope of groups: `createActor(groupsLogic, { parent, id: 'groups', systemId: 'groups' })`, then `groupsOf(ref)`. */
export const groupsLogic: GroupsLogic = {
  transition(snapshot, event, { self, defer, stopChild }) {
    const { table, scopes } = scopeOf.get(self) as Scope
    if ((event.type as string) === 'xstate.stop') {
      table.close()
      for (const scope of scopes.values()) stopChild(scope)
      return { ...snapshot, status: 'stopped', output: undefined, error: undefined, context: table.size }
    }
    if (event.type === 'group.join') table.join(String(event.group), actorsOf(event.refs))
    else if (event.type === 'group.leave') table.leave(String(event.group), actorsOf(event.refs))
    defer(() => table.deliveries.deliver())
    return { ...snapshot, context: table.size }
  },
  getInitialSnapshot({ self }) {
    const onExit = (ref: AnyActorRef) => tell(self, ...table.leaveAll(ref))
    const table = new GroupTable(self, onExit)
    scopeOf.set(self, { table, scopes: new Map() })
    return { status: 'active', output: undefined, error: undefined, context: table.size }
  },
  getPersistedSnapshot: (snapshot) => snapshot,
}

export interface GroupMonitor<State> {
  /** How it was when the monitor began. Every later change is told to the listener, and none that is in here. */
  readonly snapshot: State
  /** Ends it, also for what waits to be told. False where it had ended before. */
  unmonitor(): boolean
}

export interface Groups {
  readonly actor: GroupsActor
  /**
   * Makes one or more actors members of a group. One that joins n times leaves n times. An actor that ends leaves by itself, and
   * one that has ended does not join.
   * @throws AxonError `ACTOR_NOT_RUNNING` where the scope has ended, or where something is no actor: then nobody joins.
   */
  join(group: string, refs: AnyActorRef | readonly AnyActorRef[]): void
  /** Undoes one join of each. False where none of them was a member. Throws as `join` does. */
  leave(group: string, refs: AnyActorRef | readonly AnyActorRef[]): boolean
  /** One that joined twice is there twice. Empty where there is no such group. */
  members(group: string): readonly AnyActorRef[]
  /** The groups that have a member. */
  groups(): string[]
  /**
   * The members as they are, and from then on each `group.joined` and `group.left`, told to a function or an actor.
   * @throws AxonError `ACTOR_NOT_RUNNING` where the scope has ended, or the actor that is to be told
   */
  monitor(group: string, listener: Listener<GroupEvent>): GroupMonitor<readonly AnyActorRef[]>
  /** The same for all groups of the scope. */
  monitorScope(listener: Listener<GroupEvent>): GroupMonitor<ReadonlyMap<string, readonly AnyActorRef[]>>
  /** Another scope: an actor below this one, with the name as its id. It is made when it is first asked for. */
  scope(name: string): Groups
}

/** The handle of a scope's actor. It holds nothing itself: any number may be made. */
export function groupsOf(actor: GroupsActor): Groups {
  const running = (): Scope => {
    const scope = scopeOf.get(actor)
    if (scope === undefined || hasEnded(actor)) throw notRunning(actor)
    return scope
  }
  const table = () => running().table
  return {
    actor,
    join: (group, refs) => tell(actor, table().join(group, checked(refs))),
    leave(group, refs) {
      const left = table().leave(group, checked(refs))
      tell(actor, left)
      return left !== undefined
    },
    members: (group) => scopeOf.get(actor)?.table.members(group) ?? [],
    groups: () => scopeOf.get(actor)?.table.groups() ?? [],
    monitor(group, listener) {
      checkListener(listener)
      return { snapshot: table().members(group), unmonitor: table().monitor(group, listener) }
    },
    monitorScope(listener) {
      checkListener(listener)
      const snapshot = new Map(
        table()
          .groups()
          .map((group) => [group, table().members(group)]),
      )
      return { snapshot, unmonitor: table().monitor(undefined, listener) }
    },
    scope(name) {
      const { scopes } = running()
      const known = scopes.get(name)
      if (known) return groupsOf(known)
      const scope = createActor(groupsLogic, { parent: actor, id: name })
      scopes.set(name, scope)
      scope.start()
      return groupsOf(scope)
    },
  }
}

/** To the actor as a fact, then to the monitors. */
function tell(actor: GroupsActor, ...events: (GroupEvent | undefined)[]): void {
  for (const event of events) if (event) actor.send(event)
  scopeOf.get(actor)?.table.deliveries.deliver()
}

function listOf(refs: AnyActorRef | readonly AnyActorRef[]): readonly AnyActorRef[] {
  return Array.isArray(refs) ? refs : [refs as AnyActorRef]
}

/** An event must not end the scope: what is no actor is left out. */
function actorsOf(refs: AnyActorRef | readonly AnyActorRef[]): readonly AnyActorRef[] {
  return listOf(refs).filter(isActorRef)
}

function checked(refs: AnyActorRef | readonly AnyActorRef[]): readonly AnyActorRef[] {
  const list = listOf(refs)
  if (list.every(isActorRef)) return list
  const message =
    'Only actors of this process are members of groups, and one of those given is none. Nobody joined or left.'
  throw new AxonError('ACTOR_NOT_RUNNING', message)
}

function checkListener(listener: Listener<GroupEvent>): void {
  if (typeof listener === 'function' || !hasEnded(listener)) return
  const message = `Actor ${listener.id} has ended and hears of no group. Use the one that took its place.`
  throw new AxonError('ACTOR_NOT_RUNNING', message, { context: { actor: listener.id } })
}

function notRunning(actor: AnyActorRef): AxonError {
  const message = `The actor ${actor.id}, which kept these groups, has ended. Use the one that took its place.`
  return new AxonError('ACTOR_NOT_RUNNING', message, { context: { actor: actor.id } })
}
