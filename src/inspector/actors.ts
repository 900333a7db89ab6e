/**
 * Owns which actors there are: what each is, what people call it, whose child it is, and how those that were there before anybody
 * looked are found.
 */
import type { AnyActorRef, AnyMachineSnapshot } from 'xstate'
import { type AgentContext, replicaName } from '../machines/agent-context.ts'
import type { PoolInput } from '../machines/pool-context.ts'
import { runLogic } from '../machines/run.ts'
import type { SystemContext } from '../machines/system-context.ts'
import type { ActorFrame, ActorKind } from './frames.ts'
import { chartOf } from './machine-frames.ts'
import { viewSnapshot } from './snapshot-view.ts'

/** An actor that is alive, or was until its end was told. */
export interface Known {
  readonly ref: AnyActorRef
  readonly kind: ActorKind
  readonly frame: Omit<ActorFrame, 'seq' | 'at' | 'snapshot'>
  /** When its state was entered. */
  since: number
  /** Its status and state, as text, to know when they change. */
  state: string
  value: unknown
}

export class Actors {
  readonly root: AnyActorRef
  readonly #known = new Map<string, Known>()
  /** By name: `writer/0`. */
  readonly #replicas = new Map<string, Known>()
  #order = 0

  constructor(root: AnyActorRef) {
    this.root = root
  }

  get(sessionId: string): Known | undefined {
    return this.#known.get(sessionId)
  }

  /** `writer/0`. */
  replica(name: string): Known | undefined {
    return this.#replicas.get(name)
  }

  all(): IterableIterator<Known> {
    return this.#known.values()
  }

  /** A place among siblings: the one after all that were given before. */
  nextOrder(): number {
    this.#order += 1
    return this.#order
  }

  /** Notes an actor; its parents are noted before it. Answers those that were new, parents first. */
  note(ref: AnyActorRef, at: number): Known[] {
    if (this.#known.has(ref.sessionId)) return []
    const parent = parentOf(ref)
    const before = parent === undefined ? [] : this.note(parent, at)
    const known = this.#describe(ref, parent, at)
    this.#known.set(ref.sessionId, known)
    if (known.kind === 'replica' && known.frame.replica !== undefined) this.#replicas.set(known.frame.replica, known)
    return [...before, known]
  }

  forget(sessionId: string): void {
    const known = this.#known.get(sessionId)
    this.#known.delete(sessionId)
    const { replica } = known?.frame ?? {}
    if (replica !== undefined && this.#replicas.get(replica) === known) this.#replicas.delete(replica)
  }

  /** All that is alive, found from the root: parents first. Runs are not looked for. */
  alive(): AnyActorRef[] {
    const found: AnyActorRef[] = []
    const visit = (ref: AnyActorRef) => {
      const snapshot = ref.getSnapshot() as AnyMachineSnapshot | undefined
      if (snapshot?.status !== 'active' && ref !== this.root) return
      found.push(ref)
      for (const child of childrenOf(ref, snapshot)) visit(child)
    }
    visit(this.root)
    return found
  }

  #describe(ref: AnyActorRef, parent: AnyActorRef | undefined, at: number): Known {
    const named = this.#name(ref, parent)
    const machine = chartOf(logicOf(ref))?.frame.hash
    const frame: Known['frame'] = {
      type: '@xstate.actor',
      sessionId: ref.sessionId,
      rootId: this.root.sessionId,
      parentId: parent?.sessionId,
      order: this.nextOrder(),
      ...named,
      ...(machine !== undefined && { machine }),
    }
    const { value } = (ref.getSnapshot() ?? {}) as Partial<AnyMachineSnapshot>
    return { ref, kind: named.kind, frame, since: at, state: stateOf(ref), value }
  }

  #name(
    ref: AnyActorRef,
    parent: AnyActorRef | undefined,
  ): Pick<ActorFrame, 'kind' | 'name' | 'agent' | 'replica' | 'run' | 'strategy'> {
    if (ref === this.root) return { kind: 'system', name: ref.id }
    const above = parent && this.#known.get(parent.sessionId)
    const context = (ref.getSnapshot() as AnyMachineSnapshot | undefined)?.context
    const logic = logicOf(ref)
    if (logic === runLogic) return { kind: 'run', name: context.run, run: context.run, agent: context.agent }
    switch (logic.id) {
      case 'pool': {
        const { name } = (context as PoolInput).definition
        return { kind: 'agent', name, agent: name }
      }
      case 'agent': {
        if (above?.kind !== 'agent') break
        const { definition, replica } = context as AgentContext
        const name = replicaName(definition.name, replica)
        return { kind: 'replica', name, agent: definition.name, replica: name }
      }
      case 'supervisor':
        return { kind: 'supervisor', name: ref.id.replace(/^supervisor:/, ''), ...strategyOf(context) }
    }
    const { agent, replica } = above?.frame ?? {}
    return { kind: 'other', name: ref.id, ...(agent && { agent }), ...(replica && { replica }) }
  }
}

function strategyOf(context: { supervision?: { strategy?: string } } | undefined): { strategy?: string } {
  const strategy = context?.supervision?.strategy
  return strategy === undefined ? {} : { strategy }
}

/** The state as text; `undefined` where there is none. */
export function stateOf(ref: AnyActorRef): string {
  const { status, value } = (ref.getSnapshot() ?? {}) as Partial<AnyMachineSnapshot>
  return `${status} ${typeof value === 'string' ? value : JSON.stringify(value)}`
}

/** The frame of an actor as it is now. */
export function actorFrame(known: Known, seq: number, at: number): ActorFrame {
  return { ...known.frame, seq, at, snapshot: viewSnapshot(known.ref, known.kind, known.since) }
}

/** What the actor does; a machine has an id. */
export function logicOf(ref: AnyActorRef): { id?: string } {
  return (ref as unknown as { logic: { id?: string } }).logic
}

export function parentOf(ref: AnyActorRef): AnyActorRef | undefined {
  return (ref as unknown as { _parent?: AnyActorRef })._parent
}

/** The root keeps agents and supervisors in tables of its own. */
function childrenOf(ref: AnyActorRef, snapshot: AnyMachineSnapshot | undefined): AnyActorRef[] {
  const children = Object.values(snapshot?.children ?? {}).filter((child) => child !== undefined) as AnyActorRef[]
  const { members, teams } = (snapshot?.context ?? {}) as Partial<SystemContext>
  if (parentOf(ref) !== undefined || members === undefined || teams === undefined) return children
  const agents = [...members.values()].flatMap(({ ref }) => ref ?? [])
  return [...children, ...teams.values(), ...agents] as AnyActorRef[]
}
