/**
 * Owns the table of children, in the order of their start, and what is known of each. Flat cost at any count. Starts and ends
 * nobody.
 */
import type { AnyActorRef } from 'xstate'
import { type ExitReason, isAlive } from './exit.ts'
import type { ChildSettings } from './settings.ts'
import type { ChildType, RestartType } from './spec.ts'

/**
 * `starting`: is started for the first time, or by hand. `restarting`: ended, and is or will be started again. `stopped`: not running, the specification is
 * kept. `failed`: ended by what a restart cannot mend.
 */
export type ChildState = 'running' | 'starting' | 'restarting' | 'stopped' | 'failed'

/** What is known of a child at the moment. */
export interface ChildInfo {
  id: string
  /** Its actor; undefined unless the child is `running`. */
  ref: AnyActorRef | undefined
  state: ChildState
  type: ChildType
  restart: RestartType
  significant: boolean
  /** How often it was started again. */
  restarts: number
  /** Why it last ended; undefined where it has not. */
  exitReason: ExitReason | undefined
}

/** As OTP's `count_children`. */
export interface ChildCounts {
  /** Specifications, also of children that do not run; 1 where there is a template. */
  specs: number
  /** Children that run. */
  active: number
  /** Children of type supervisor, whether they run or not. */
  supervisors: number
  /** Children of type worker, whether they run or not. */
  workers: number
}

export class Child {
  readonly id: string
  /** Shared by all children of a template. */
  settings: ChildSettings
  /** What `startChild` gave for the template's input; not kept of temporary ones. */
  argument: unknown
  state: ChildState = 'stopped'
  ref: AnyActorRef | undefined
  /** The actor that ended, while it is being restarted: a dynamic child is known by it. */
  formerRef: AnyActorRef | undefined
  exitReason: ExitReason | undefined
  restarts = 0
  /** Ends in a row without a stable time in between. */
  streak = 0
  /** When it last began to run, until that was judged. */
  startedAt: number | undefined
  /** The timer of the restart that it waits for. */
  timer: string | undefined

  constructor(id: string, settings: ChildSettings, argument?: unknown) {
    this.id = id
    this.settings = settings
    this.argument = argument
  }

  get isTemporary(): boolean {
    return this.settings.restart === 'temporary'
  }

  get info(): ChildInfo {
    const { id, state, restarts, exitReason } = this
    const { type, restart, significant } = this.settings
    const ref = state === 'running' ? this.ref : undefined
    return { id, ref, state, type, restart, significant, restarts, exitReason }
  }
}

export class Children {
  #byId = new Map<string, Child>()
  #named = 0

  get size(): number {
    return this.#byId.size
  }

  get(id: string): Child | undefined {
    return this.#byId.get(id)
  }

  /** The child whose actor this is, or was while it is being restarted. */
  of(ref: AnyActorRef): Child | undefined {
    const child = this.#byId.get(ref.id)
    return child !== undefined && (child.ref === ref || child.formerRef === ref) ? child : undefined
  }

  add(child: Child): void {
    this.#byId.set(child.id, child)
  }

  delete(child: Child): void {
    if (this.#byId.get(child.id) === child) this.#byId.delete(child.id)
  }

  /** Puts them in this order. */
  reorder(children: Iterable<Child>): void {
    this.#byId = new Map([...children].map((child) => [child.id, child]))
  }

  /** A name that nobody has: `wanted` itself where it is free. */
  freeName(wanted: string | undefined): string {
    if (wanted !== undefined && !this.#byId.has(wanted)) return wanted
    for (;;) {
      this.#named += 1
      const name = `${wanted ?? 'child'}#${this.#named}`
      if (!this.#byId.has(name)) return name
    }
  }

  inOrder(): IterableIterator<Child> {
    return this.#byId.values()
  }

  /** The child and all that were started after it. */
  from(child: Child): Child[] {
    const all = [...this.#byId.values()]
    return all.slice(all.indexOf(child))
  }

  count(hasTemplate: boolean): ChildCounts {
    const counts = { specs: hasTemplate ? 1 : this.size, active: 0, supervisors: 0, workers: 0 }
    for (const { ref, state, settings } of this.#byId.values()) {
      if (state === 'running' && ref !== undefined && isAlive(ref)) counts.active += 1
      if (settings.type === 'supervisor') counts.supervisors += 1
      else counts.workers += 1
    }
    return counts
  }
}
