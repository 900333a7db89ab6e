/**
 * Owns what is seen of the actors: who there is, what reaches them, and in which state they are then.
 *
 * While somebody looks, XState tells of every event and state. It copies each event for that, which is a fiftieth of the cost of a run:
 * so while nobody looks, the facts that agents tell are recorded in their place, and the states that their replicas are in by then.
 */
import type { AnyActorRef, AnyMachineSnapshot, AnyTransitionDefinition, InspectionEvent } from 'xstate'
import { replicaOf } from '../machines/agent-context.ts'
import { isBeat } from '../machines/facts.ts'
import { runLogic } from '../machines/run.ts'
import type { SystemContext } from '../machines/system-context.ts'
import type { AxonEvent } from '../runtime/telemetry/catalogue.ts'
import { type Actors, actorFrame, type Known, logicOf, stateOf } from './actors.ts'
import type { ActorFrame, EventFrame, SnapshotFrame } from './frames.ts'
import { chartOf, edgeBetween } from './machine-frames.ts'
import { cutText, presentableEvent } from './redaction.ts'
import { viewSnapshot } from './snapshot-view.ts'
import type { Timeline } from './timeline.ts'

const runEnded = 'xstate.done.actor.run:'

export interface ObservationOptions {
  actors: Actors
  timeline: Timeline
  /** Runs are looked at elsewhere. */
  onRun: (event: InspectionEvent) => void
  /** A replica is there that was not. */
  onSeen: (known: Known) => void
  onGone: (sessionId: string) => void
}

export class Observation {
  readonly #options: ObservationOptions
  readonly #actors: Actors
  readonly #timeline: Timeline
  readonly #machines = new Set<string>()
  #inspection: { unsubscribe(): void } | undefined
  /** By session id: the last event, and what it has led to so far. */
  readonly #events = new Map<string, { frame: EventFrame; turn: number }>()
  readonly #edges = new Map<string, string[]>()
  /** Whose context may be another. */
  readonly changed = new Set<string>()

  constructor(options: ObservationOptions) {
    this.#options = options
    this.#actors = options.actors
    this.#timeline = options.timeline
  }

  get isInspecting(): boolean {
    return this.#inspection !== undefined
  }

  /** Somebody looks. */
  open(): void {
    if (this.#inspection) return
    this.#inspection = this.#actors.root.system.inspect({ next: (event) => this.#inspect(event) })
    this.look()
  }

  /** Nobody looks. */
  close(): void {
    this.#inspection?.unsubscribe()
    this.#inspection = undefined
    this.#events.clear()
    this.#edges.clear()
    this.changed.clear()
  }

  /** Finds all that is there, and in which state. */
  look(): void {
    for (const ref of this.#actors.alive()) this.#compare(this.#see(ref), 'axon.looked')
    this.sweep()
  }

  /** Tells of those that have ended. */
  sweep(): void {
    for (const known of [...this.#actors.all()]) {
      const { status, error } = known.ref.getSnapshot() as Partial<AnyMachineSnapshot>
      if (status === 'active' || status === undefined || known.ref === this.#actors.root) continue
      const { sessionId } = known.frame
      this.#compare(known, 'axon.looked')
      const reason = error === undefined ? status : cutText(error instanceof Error ? error.message : String(error))
      this.#timeline.record({ type: 'actor.gone', sessionId, reason })
      this.#actors.forget(sessionId)
      this.#events.delete(sessionId)
      this.#edges.delete(sessionId)
      this.#options.onGone(sessionId)
    }
  }

  /** Tells of a machine before the first actor that is one. Answers its hash. */
  tellMachine(logic: unknown): string | undefined {
    const frame = chartOf(logic)?.frame
    if (frame === undefined) return undefined
    if (!this.#machines.has(frame.hash)) this.#timeline.tell(frame)
    this.#machines.add(frame.hash)
    return frame.hash
  }

  /** A fact of the system: an event of the root. */
  tellRoot(fact: AxonEvent): void {
    const { sessionId } = this.#see(this.#actors.root).frame
    const sourceId = 'agent' in fact ? this.poolOf(fact.agent)?.sessionId : undefined
    this.#record(sessionId, sourceId, fact).taken = true
    if (!this.isInspecting) this.#compare(this.#see(this.#actors.root), fact.type)
  }

  /** A fact of an agent, while nobody looks. */
  tellAgent(fact: Extract<AxonEvent, { agent: string }>): void {
    const pool = this.poolOf(fact.agent)
    if (pool === undefined) return
    const known = this.#see(pool)
    const { children } = pool.getSnapshot() as { children: Record<string, AnyActorRef | undefined> }
    for (const [id, child] of Object.entries(children)) if (child && id.startsWith('server/')) this.#see(child)
    const replica = 'generation' in fact ? this.#actors.replica(replicaOf(fact.generation)) : undefined
    this.#record(known.frame.sessionId, replica?.frame.sessionId, fact).taken = true
    if (replica) this.#compare(replica, fact.type)
    this.#compare(known, fact.type)
  }

  poolOf(agent: string): AnyActorRef | undefined {
    const { context } = this.#actors.root.getSnapshot() as AnyMachineSnapshot & { context: SystemContext }
    return context.members.get(agent)?.ref as AnyActorRef | undefined
  }

  #inspect(event: InspectionEvent): void {
    const ref = event.actorRef as AnyActorRef
    if (logicOf(ref) === runLogic) return this.#options.onRun(event)
    // The parent of runs hears of the end of each; the run's own frames tell it.
    if ('event' in event && event.event.type.startsWith(runEnded)) return
    switch (event.type) {
      case '@xstate.event':
        return this.#heard(ref, event.sourceRef as AnyActorRef | undefined, event.event)
      case '@xstate.microstep':
        return this.#stepped(ref, (event as unknown as { _transitions: AnyTransitionDefinition[] })._transitions)
      case '@xstate.snapshot': {
        if (isBeat(event.event.type)) return
        const known = this.#see(ref)
        this.changed.add(known.frame.sessionId)
        this.#compare(known, event.event.type)
      }
    }
  }

  #heard(ref: AnyActorRef, source: AnyActorRef | undefined, event: { type: string }): void {
    const { sessionId } = this.#see(ref).frame
    // The actor's frame tells its beginning, `beats` tell of heartbeats.
    if (event.type === 'xstate.init' || isBeat(event.type)) return
    const sourceId = source && this.#actors.get(source.sessionId) ? source.sessionId : undefined
    const frame = this.#record(sessionId, sourceId, event)
    this.#events.set(sessionId, { frame, turn: this.#timeline.turn })
  }

  #stepped(ref: AnyActorRef, transitions: readonly AnyTransitionDefinition[]): void {
    if (transitions.length === 0) return
    const { sessionId } = ref
    const last = this.#events.get(sessionId)
    if (last?.turn === this.#timeline.turn) last.frame.taken = true
    const edgeOf = chartOf(logicOf(ref))?.edgeOf
    const edges = transitions.filter(({ target }) => target !== undefined).map((one) => edgeOf?.get(one))
    const known = edges.filter((edge) => edge !== undefined)
    if (known.length > 0) this.#edges.set(sessionId, [...(this.#edges.get(sessionId) ?? []), ...known])
  }

  /** Tells of its state where that is another. */
  #compare(known: Known, event: string): void {
    const { sessionId } = known.frame
    const edges = this.#edges.get(sessionId)
    this.#edges.delete(sessionId)
    const state = stateOf(known.ref)
    if (state === known.state && edges === undefined) return
    const before = known.value
    known.since = this.#timeline.now()
    known.state = state
    known.value = (known.ref.getSnapshot() as Partial<AnyMachineSnapshot> | undefined)?.value
    this.#timeline.record<SnapshotFrame>({
      type: '@xstate.snapshot',
      sessionId,
      snapshot: viewSnapshot(known.ref, known.kind, known.since),
      event: { type: event },
      edges: edges ?? edgeBetween(chartOf(logicOf(known.ref)), before, known.value),
    })
  }

  /** Those above it are told first. */
  #see(ref: AnyActorRef): Known {
    const known = this.#actors.get(ref.sessionId)
    if (known) return known
    for (const one of this.#actors.note(ref, this.#timeline.now())) {
      this.tellMachine(logicOf(one.ref))
      const { seq: _seq, ...frame } = actorFrame(one, 0, this.#timeline.now())
      this.#timeline.record<ActorFrame>(frame)
      this.#options.onSeen(one)
    }
    return this.#actors.get(ref.sessionId) as Known
  }

  #record(sessionId: string, sourceId: string | undefined, event: { type: string }): EventFrame {
    const { run, generation } = event as { run?: unknown; generation?: unknown }
    return this.#timeline.record<EventFrame>({
      type: '@xstate.event',
      sessionId,
      sourceId,
      event: presentableEvent(event),
      ...(typeof run === 'string' && { run }),
      ...(typeof generation === 'string' && { generation }),
      taken: false,
    })
  }
}
