/**
 * Owns the runs as frames: their actors, their messages, and what each is doing. There may be 20 000 a second: of those nobody asked
 * for, a sample is recorded, each whole, and each that failed at least with its end. Figures count them all.
 */
import type { InspectionEvent } from 'xstate'
import { replicaOf } from '../machines/agent-context.ts'
import type { RunFact, ToolFact } from '../machines/facts.ts'
import { type RunEvent, type RunSnapshot, runLogic } from '../machines/run.ts'
import type { RunStreamEvent } from '../protocol/run.ts'
import type { Actors } from './actors.ts'
import type { RunFrame } from './frames.ts'
import { chartOf, runEdgeId } from './machine-frames.ts'
import { cutText } from './redaction.ts'
import { RunMessages, type Talkers } from './run-messages.ts'
import { RunTrace } from './run-trace.ts'
import type { Timeline } from './timeline.ts'
import { TokenBucket } from './token-bucket.ts'

/** Whole runs that are recorded without being asked for, while somebody looks and while nobody does. */
const sampled = { perSecond: 10, burst: 20 }
const sampledUnseen = { perSecond: 2, burst: 10 }
/** Ends of failed runs that were not among them. */
const failures = { perSecond: 20, burst: 100 }

export interface RunSurroundings {
  timeline: Timeline
  actors: Actors
  /** The session id of an agent's pool. */
  agentId: (agent: string) => string | undefined
  /** Actors of machines are to be told. */
  tellMachine: (logic: unknown) => string | undefined
}

export class RunFrames {
  readonly #around: RunSurroundings
  readonly #traces = new Map<string, RunTrace>()
  /** By the session id of XState's actor. */
  readonly #inspected = new Map<string, RunTrace>()
  readonly #sample = new TokenBucket(sampled.perSecond, sampled.burst)
  readonly #unseen = new TokenBucket(sampledUnseen.perSecond, sampledUnseen.burst)
  readonly #failures = new TokenBucket(failures.perSecond, failures.burst)
  /** The last frames of a run, which may be completed while they are not told. */
  readonly #lastRun = new Map<string, { frame: RunFrame; turn: number }>()
  readonly #messages: RunMessages
  #edges: ReadonlySet<string> | undefined

  constructor(around: RunSurroundings) {
    this.#around = around
    this.#messages = new RunMessages(around.timeline)
  }

  /** A run that was just started is recorded, whether or not it is of the sample. */
  want(run: string, agent: string): void {
    this.#accept(run, agent, true)
  }

  hear(fact: RunFact | ToolFact): void {
    if (fact.type === 'run.accepted') return this.#accept(fact.run, fact.agent)
    const trace = this.#traces.get(fact.run)
    if (trace) return this.#follow(trace, fact)
    if (fact.type === 'run.settled' && fact.error && this.#failures.take()) this.#end(fact)
  }

  /** What XState tells of a run's actor: where it is between two facts. */
  inspect(event: InspectionEvent): void {
    if (event.type !== '@xstate.event' && event.type !== '@xstate.snapshot') return
    const { sessionId } = event.actorRef
    if (event.type === '@xstate.event') {
      if (event.event.type !== 'xstate.init') return
      const { context } = event.actorRef.getSnapshot() as RunSnapshot
      this.#accept(context.run, context.agent)
      const trace = this.#traces.get(context.run)
      if (trace) this.#inspected.set(sessionId, trace)
      return
    }
    const trace = this.#inspected.get(sessionId)
    if (trace === undefined) return
    const { value } = event.snapshot as RunSnapshot
    if (event.snapshot.status !== 'active') this.#inspected.delete(sessionId)
    else if (value !== trace.state) this.#move(trace, value, event.event as RunEvent)
  }

  /** An event of a run that is streamed. Answers whether the run is recorded. */
  streamed(run: string, event: RunStreamEvent): boolean {
    const trace = this.#traces.get(run)
    if (trace === undefined) return false
    const isNew = trace.streamed(event, this.#around.timeline.now())
    this.#messages.streamed(trace, event, this.#talkers(trace))
    if (isNew) this.#tell(trace)
    return true
  }

  #accept(run: string, agent: string, isWanted = false): void {
    if (this.#traces.has(run)) return
    if (!isWanted && !(this.#around.timeline.isWatched ? this.#sample : this.#unseen).take()) return
    const { timeline, agentId, tellMachine } = this.#around
    const trace = new RunTrace(run, agent, timeline.now())
    this.#traces.set(run, trace)
    const parentId = agentId(agent)
    const machine = tellMachine(runLogic)
    timeline.record({
      type: '@xstate.actor',
      sessionId: trace.sessionId,
      rootId: this.#around.actors.root.sessionId,
      name: run,
      parentId,
      kind: 'run',
      agent,
      run,
      order: this.#around.actors.nextOrder(),
      ...(machine !== undefined && { machine }),
      snapshot: this.#view(trace),
    })
    this.#messages.tell(trace, { type: 'run.accepted', run, agent }, this.#talkers(trace))
    this.#tell(trace)
  }

  #follow(trace: RunTrace, fact: Exclude<RunFact | ToolFact, { type: 'run.accepted' }>): void {
    const at = this.#around.timeline.now()
    if ('generation' in fact && trace.generation !== fact.generation && fact.type !== 'run.requeued')
      trace.generation = fact.generation
    if (fact.type === 'run.settled') return this.#end(fact, trace)
    this.#messages.tell(trace, fact, this.#talkers(trace))
    switch (fact.type) {
      case 'run.started':
        trace.begin(at)
        trace.started = true
        this.#move(trace, trace.state === 'streaming' ? 'streaming' : 'started', { type: 'run.started' })
        break
      case 'run.requeued':
        trace.wait(at)
        trace.attempt = fact.attempt
        trace.started = fact.started
        trace.generation = undefined
        this.#move(trace, 'queued', { type: fact.started === false ? 'run.requeued' : 'run.repeated' })
        break
      case 'tool.called':
        trace.call(fact.id, at)
        break
      case 'tool.returned':
      case 'tool.failed':
        trace.answer(fact.id, at)
        break
      case 'tool.approval':
        trace.ask(fact.id, at)
        break
      case 'tool.approved':
      case 'tool.denied':
        trace.decide(fact.id, at)
        break
    }
    this.#tell(trace)
  }

  #end(fact: Extract<RunFact, { type: 'run.settled' }>, known?: RunTrace): void {
    const { timeline } = this.#around
    const { run, agent, status, started, attempt, durationMs, totalTokens, inputTokens, outputTokens, error } = fact
    const at = timeline.now()
    const trace = known ?? new RunTrace(run, agent, at - durationMs)
    trace.settle(at)
    trace.started = started
    trace.attempt = attempt
    trace.end = {
      durationMs,
      ...(totalTokens !== undefined && {
        usage: {
          totalTokens,
          ...(inputTokens !== undefined && { inputTokens }),
          ...(outputTokens !== undefined && { outputTokens }),
        },
      }),
      ...(error && { error: { code: error.code, message: cutText(error.message), retryable: error.retryable } }),
    }
    if (known === undefined) trace.state = status
    else {
      this.#messages.tell(trace, fact, this.#talkers(trace))
      this.#move(trace, status, { type: 'run.settled', outcome: status })
    }
    this.#tell(trace)
    this.#traces.delete(run)
    this.#lastRun.delete(run)
    this.#messages.forget(run)
    if (known) timeline.record({ type: 'actor.gone', sessionId: trace.sessionId, reason: status })
  }

  #move(trace: RunTrace, state: RunTrace['state'], event: RunEvent): void {
    if (trace.state === state) return
    const before = trace.state
    trace.state = state
    if (event.type === 'run.assigned') {
      trace.generation = event.generation
      this.#messages.assigned(trace, this.#talkers(trace))
    }
    const edge = runEdgeId(before, event.type, state)
    this.#edges ??= new Set(chartOf(runLogic)?.frame.edges.map(({ id }) => id))
    this.#around.timeline.record({
      type: '@xstate.snapshot',
      sessionId: trace.sessionId,
      snapshot: this.#view(trace),
      event: { type: event.type },
      edges: this.#edges.has(edge) ? [edge] : [],
    })
    if (event.type === 'run.queued' || event.type === 'run.assigned' || event.type === 'run.written') this.#tell(trace)
  }

  #view(trace: RunTrace) {
    const isOver = trace.end.durationMs !== undefined
    const { error } = trace.end
    return {
      status: isOver ? ('done' as const) : ('active' as const),
      value: trace.state,
      since: this.#around.timeline.now(),
      next: [],
      ...(error && { error: error.message }),
    }
  }

  /** Its frame as it is now; one that was not told yet is completed. */
  #tell(trace: RunTrace): void {
    const { timeline } = this.#around
    const { run, agent, status, attempt, started, phases, generation, end } = trace
    const sessionId = this.#replicaId(trace)
    const now = {
      run,
      agent,
      status,
      attempt,
      started,
      phases,
      ...(sessionId !== undefined && { sessionId }),
      ...(generation !== undefined && { generation }),
      ...end,
    }
    const last = this.#lastRun.get(run)
    if (last?.turn === timeline.turn) Object.assign(last.frame, now)
    else this.#lastRun.set(run, { frame: timeline.record({ type: 'run', ...now }), turn: timeline.turn })
  }

  #talkers(trace: RunTrace): Talkers {
    return { agent: this.#around.agentId(trace.agent), replica: this.#replicaId(trace) }
  }

  #replicaId({ generation }: RunTrace): string | undefined {
    return generation === undefined ? undefined : this.#around.actors.replica(replicaOf(generation))?.frame.sessionId
  }
}
