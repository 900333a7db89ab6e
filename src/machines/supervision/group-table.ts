/**
 * Owns who is in which group of one scope, who monitors that, and what they are told. The actor around it is groups.ts.
 *
 * 1. A group is there while it has a member.
 * 2. An actor that joined n times is a member n times, and leaves n times or by ending.
 * 3. A monitor's snapshot and its events fit together: no change is missed, none is told twice.
 */
import type { AnyActorRef } from 'xstate'
import { Deliveries, type Listener, type Listening } from './deliveries.ts'
import { hasEnded, watchExit } from './exit-watch.ts'

/** A ref that joined or left more than once is in `refs` as often. */
export type GroupEvent =
  | { type: 'group.joined'; group: string; refs: readonly AnyActorRef[] }
  | { type: 'group.left'; group: string; refs: readonly AnyActorRef[] }

interface Group {
  counts: Map<AnyActorRef, number>
  /** Made at the first question after a change. */
  members: readonly AnyActorRef[] | undefined
}

export class GroupTable {
  readonly deliveries = new Deliveries<GroupEvent>()
  readonly #scope: AnyActorRef
  readonly #onExit: (ref: AnyActorRef) => void
  #groups = new Map<string, Group>()
  #memberships = new Map<AnyActorRef, { groups: Set<string>; unwatch: () => void }>()
  #scopeMonitors = new Set<Listening<GroupEvent>>()
  #groupMonitors = new Map<string, Set<Listening<GroupEvent>>>()

  /** `scope`: the actor around it. `onExit` is called when a member ends, which is still one then. */
  constructor(scope: AnyActorRef, onExit: (ref: AnyActorRef) => void) {
    this.#scope = scope
    this.#onExit = onExit
  }

  /** How many groups there are, and how many actors are in one. */
  get size(): { groups: number; members: number } {
    return { groups: this.#groups.size, members: this.#memberships.size }
  }

  groups(): string[] {
    return [...this.#groups.keys()]
  }

  members(name: string): readonly AnyActorRef[] {
    const group = this.#groups.get(name)
    if (group === undefined) return []
    group.members ??= [...group.counts].flatMap(([ref, count]) => repeated(ref, count))
    return group.members
  }

  /** Those that have ended do not join. The answer is what the monitors will be told. */
  join(name: string, refs: readonly AnyActorRef[]): GroupEvent | undefined {
    const joined = refs.filter((ref) => !hasEnded(ref))
    if (joined.length === 0) return undefined
    const group: Group = this.#groups.get(name) ?? { counts: new Map(), members: undefined }
    this.#groups.set(name, group)
    for (const ref of joined) {
      group.counts.set(ref, (group.counts.get(ref) ?? 0) + 1)
      const membership = this.#memberships.get(ref)
      if (membership) membership.groups.add(name)
      else this.#memberships.set(ref, { groups: new Set([name]), unwatch: watchExit(ref, () => this.#onExit(ref)) })
    }
    return this.#changed(group, { type: 'group.joined', group: name, refs: joined })
  }

  /** Undoes one join of each. The answer is what the monitors will be told. */
  leave(name: string, refs: readonly AnyActorRef[]): GroupEvent | undefined {
    const group = this.#groups.get(name)
    if (group === undefined) return undefined
    const left = refs.filter((ref) => {
      const count = group.counts.get(ref) ?? 0
      if (count > 1) group.counts.set(ref, count - 1)
      else if (group.counts.delete(ref)) this.#forget(ref, name)
      return count > 0
    })
    if (group.counts.size === 0) this.#groups.delete(name)
    return left.length > 0 ? this.#changed(group, { type: 'group.left', group: name, refs: left }) : undefined
  }

  leaveAll(ref: AnyActorRef): GroupEvent[] {
    const names = [...(this.#memberships.get(ref)?.groups ?? [])]
    return names.flatMap((name) => {
      const count = this.#groups.get(name)?.counts.get(ref) ?? 0
      return this.leave(name, repeated(ref, count)) ?? []
    })
  }

  /** Without a name: every group of the scope. The answer ends it, and says whether it was there. */
  monitor(name: string | undefined, listener: Listener<GroupEvent>): () => boolean {
    const listening: Listening<GroupEvent> = { listener, isActive: true }
    const monitors = name === undefined ? this.#scopeMonitors : (this.#groupMonitors.get(name) ?? new Set())
    monitors.add(listening)
    if (name !== undefined) this.#groupMonitors.set(name, monitors)
    const unmonitor = () => {
      listening.isActive = false
      unwatch?.()
      const wasThere = monitors.delete(listening)
      if (name !== undefined && monitors.size === 0 && this.#groupMonitors.get(name) === monitors) {
        this.#groupMonitors.delete(name)
      }
      return wasThere
    }
    const unwatch = typeof listener === 'function' ? undefined : watchExit(listener, unmonitor)
    return unmonitor
  }

  /** The scope has ended: nobody is told, and no member is watched any more. */
  close(): void {
    for (const { unwatch } of this.#memberships.values()) unwatch()
    for (const monitors of [this.#scopeMonitors, ...this.#groupMonitors.values()]) {
      for (const listening of monitors) listening.isActive = false
    }
    this.#groups.clear()
    this.#memberships.clear()
    this.#scopeMonitors.clear()
    this.#groupMonitors.clear()
  }

  #forget(ref: AnyActorRef, name: string): void {
    const membership = this.#memberships.get(ref)
    if (!membership?.groups.delete(name) || membership.groups.size > 0) return
    membership.unwatch()
    this.#memberships.delete(ref)
  }

  #changed(group: Group, event: GroupEvent): GroupEvent {
    group.members = undefined
    const listening = [...this.#scopeMonitors, ...(this.#groupMonitors.get(event.group) ?? [])]
    if (listening.length > 0) this.deliveries.add(listening, event, this.#scope)
    return event
  }
}

function repeated(ref: AnyActorRef, count: number): AnyActorRef[] {
  return new Array<AnyActorRef>(count).fill(ref)
}
