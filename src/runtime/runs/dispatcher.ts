/**
 * Owns all runs of a system: which there are, and which lane each goes down; it fills the slot `runs`. It hears of agents only
 * through the facts that the system's machine relays.
 */
import type { AnyActorRef } from 'xstate'
import { AxonError } from '../../errors.ts'
import { replicaOf } from '../../machines/agent-context.ts'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { RunFact, SystemFact, ToolFact } from '../../machines/facts.ts'
import type { RunDispatchEvent, RunSlots } from '../../machines/slots.ts'
import type { RunRequest, RunResponse } from '../../protocol/run.ts'
import type { AgentSchema } from '../../protocol/schema.ts'
import type { Clock } from '../clock.ts'
import { readSchema } from '../http/schema.ts'
import type { Journal } from '../journal/journal.ts'
import type { RecordMode, UnfinishedRun } from '../journal/messages.ts'
import { type Recallable, recall } from '../journal/recall.ts'
import type { JournalRecord } from '../journal/record.ts'
import { type ReplaySource, replay } from '../journal/replay.ts'
import type { Link } from '../placement/link.ts'
import type { Traces } from '../telemetry/traces.ts'
import { Approvals } from '../tools/approvals.ts'
import type { ToolSurroundings } from '../tools/process-calls.ts'
import { type CommandSurroundings, obey } from './commands.ts'
import { encodeRequest } from './encode-request.ts'
import { KeyedRuns } from './keyed-runs.ts'
import { Lane } from './lane.ts'
import { type Load, noLoad } from './load.ts'
import { either, inherited } from './parent.ts'
import { backoffError, failedError, stoppedError } from './refusals.ts'
import { Run } from './run.ts'
import { orderedId } from './run-id.ts'
import { invalidOptions, type RunOptions, readRunOptions } from './run-options.ts'
import type { Execute, RunSpec } from './run-spec.ts'
import type { RunStream } from './run-stream.ts'
import { type Keep, type Replay, type ResumeOptions, type StreamOptions, Streams } from './streams.ts'

/** What runs ask of an agent: to be started, let go, scaled, or given a new process. */
export type RunsCommand =
  | { type: 'agent.start' | 'agent.quiet'; agent: string }
  | { type: 'agent.scale'; agent: string; replicas: number; why: 'load' }
  | { type: 'replica.recycle'; agent: string; generation: string; why: 'runs' | 'stuck' }

/** What runs need of a journal. */
export type RunJournal = Pick<Journal, 'begin'> & Recallable & Pick<ReplaySource, 'questions'>

/** What is told of runs, and of commands to them that came to nothing. */
export type RunsFact = RunFact | ToolFact | Extract<SystemFact, { type: 'event.refused' }>

export interface DispatcherOptions {
  /** The parent of an agent's runs. */
  parentOf: (agent: string) => AnyActorRef
  clock: Clock
  links: ReadonlyMap<string, Link>
  transport: RunSlots
  tell: (fact: RunsFact) => void
  send: (command: RunsCommand) => void
  /** The definition as it is now. */
  definitionOf: (agent: string) => AgentDefinition | undefined
  /** Has every run before it is sent, and its end before it is answered. Undefined: none. */
  journal?: RunJournal | undefined
  /** Undefined: nothing is traced. */
  traces?: Traces | undefined
}

export class Dispatcher {
  #options: DispatcherOptions
  #lanes = new Map<string, Lane>()
  #runs = new Map<string, Run>()
  #keyed: KeyedRuns
  #isClosed = false
  /** The tool calls that wait for a person. */
  readonly approvals: Approvals
  readonly streams: Streams
  readonly #tools: ToolSurroundings
  readonly #commands: CommandSurroundings

  constructor(options: DispatcherOptions) {
    this.#options = options
    const { clock, tell, definitionOf, journal, traces } = options
    const approvals = new Approvals(clock, tell)
    this.approvals = approvals
    this.#tools = { clock, tell, definitionOf, approvals, traces, runs: this }
    const runOf = (id: string) => this.#runs.get(id)
    this.#commands = { run: (...given) => this.run(...given), runOf, approvals, tell }
    this.#keyed = new KeyedRuns({
      recall: journal && ((agent, key, policy) => recall(journal, agent, key, policy)),
      runOf,
    })
    const source = journal && { questions: journal.questions, runOf }
    const replayed: Replay | undefined = source && ((...run) => replay(source, ...run))
    this.streams = new Streams(options.clock, options.transport, replayed)
  }

  /** Starts a run that answers as a whole. */
  run(agent: string, request: RunRequest, options: RunOptions = {}): Run {
    const { transport } = this.#options
    return this.#submit(agent, request, options, 'sync', () => transport.httpRequest)
  }

  /** The answer of a run; with an idempotency key, that of the one run that has it. */
  answer(agent: string, request: RunRequest, options: RunOptions = {}): Promise<RunResponse> {
    if (options.idempotencyKey === undefined) return this.run(agent, request, options).result
    return this.#answerTo(options.idempotencyKey, agent, request, options)
  }

  /** Starts a run whose events are read as they arrive. */
  stream(agent: string, request: RunRequest, options: StreamOptions = {}, keep?: Keep): RunStream {
    const { resumable, ...rest } = options
    if (rest.idempotencyKey !== undefined) throw invalidOptions(agent, 'a stream takes no idempotencyKey, run() does')
    return this.streams.open(
      agent,
      resumable,
      (execute) => this.#submit(agent, request, rest, resumable ? 'resumable' : 'stream', execute),
      keep,
    )
  }

  /** Another reader of a stream that was started as resumable. */
  resume(agent: string, run: string, options?: ResumeOptions): RunStream {
    return this.streams.resume(agent, run, options)
  }

  /** Runs what an earlier system had accepted, as a whole: nobody reads its events any more. */
  recover(unfinished: UnfinishedRun, record: JournalRecord): void {
    const { run, agent, body, affinity, status, attempt } = unfinished
    const lane = this.#isClosed ? undefined : this.#lane(agent)
    if (lane === undefined) return
    const { definition } = lane
    const runMs = unfinished.runMs ?? definition.timeouts.runMs
    const mayHaveBegun = status === 'sent'
    const resumedAt = mayHaveBegun ? attempt + 1 : attempt
    const known = { run, mode: 'sync', definition, body, runMs, signal: undefined, affinity } as const
    this.#launch(lane, { ...known, record, resumedAt, mayHaveBegun }, () => this.#options.transport.httpRequest)
  }

  schema(agent: string): Promise<AgentSchema> {
    return readSchema(agent, this.#options.links.values())
  }

  /** How much there is to do for an agent. */
  load(agent: string): Load {
    return this.#lanes.get(agent)?.load ?? noLoad
  }

  /** What the machine relays: commands to runs, and facts of the agents they wait for. */
  hear(event: RunDispatchEvent): void {
    switch (event.type) {
      case 'run.start':
      case 'run.cancel':
      case 'run.approve':
      case 'run.deny':
        return obey(event, this.#commands)
      case 'agent.ready': {
        const link = this.#options.links.get(event.generation)
        if (link) this.#lane(event.agent)?.open(link)
        return
      }
      case 'agent.provisioning':
      case 'agent.suspect':
      case 'agent.draining':
      case 'agent.stopping':
      case 'agent.crashed':
      case 'agent.replaced':
        return this.#lane(event.agent)?.pause(replicaOf(event.generation))
      case 'agent.backoff': {
        if (event.delayMs === 0) return
        const { agent, delayMs, error, generation } = event
        const dueAt = performance.now() + delayMs
        const refusal = () => backoffError(agent, dueAt - performance.now(), error)
        return this.#lane(agent)?.refuse(replicaOf(generation), refusal)
      }
      case 'agent.failed': {
        const { agent, error, generation } = event
        return this.#lane(agent)?.refuse(replicaOf(generation), () => failedError(agent, error))
      }
      case 'agent.idle':
        return this.#lanes.get(event.agent)?.rest(replicaOf(event.generation))
      case 'agent.stopped': {
        const { agent, generation } = event
        return this.#lane(agent)?.refuse(replicaOf(generation), () => stoppedError(agent))
      }
      case 'replica.removed':
        return this.#lanes.get(event.agent)?.remove(event.replica)
      case 'agent.scaled':
        return this.#lane(event.agent)?.count(event.to)
      case 'agent.retired': {
        this.#lanes.get(event.agent)?.close(() => stoppedError(event.agent))
        this.#lanes.delete(event.agent)
        return
      }
    }
  }

  /** Answers every run that has not settled, and takes no more. */
  close(): void {
    this.#isClosed = true
    const closed = () => new AxonError('SUPERVISOR_CLOSED', 'The system was closed.')
    for (const run of this.#runs.values()) run.cancel(closed())
    // No timer is left, and none is made when the last calls have ended.
    for (const lane of this.#lanes.values()) lane.close(closed)
    this.#lanes.clear()
    this.streams.close()
  }

  async #answerTo(key: string, agent: string, request: RunRequest, options: RunOptions): Promise<RunResponse> {
    const { signal: given, parent, ...others } = options
    const signal = either(given, parent?.signal)
    const read = readRunOptions(options)
    if ('fault' in read) throw invalidOptions(agent, read.fault)
    const definition = this.#options.definitionOf(agent)
    // Who has given up already starts nothing that others could join.
    if (definition === undefined || signal?.aborted) return await this.run(agent, request, options).result
    // Others may wait for it: it has the parent's depth and time, and is not under its signal.
    const start = () => this.run(agent, request, { ...others, parent: parent?.shared() })
    const body = encodeRequest(agent, request)
    return await this.#keyed.answer({ agent, key, body, policy: definition.idempotency, signal, start })
  }

  #submit(
    agent: string,
    request: RunRequest,
    options: RunOptions,
    mode: RecordMode,
    execute: (self: () => Run) => Execute,
  ): Run {
    if (this.#isClosed) throw new AxonError('SUPERVISOR_CLOSED', 'The system is closed. Create another one.')
    const { journal } = this.#options
    const lane = this.#lane(agent)
    if (lane === undefined)
      throw new AxonError('AGENT_UNKNOWN', `There is no agent ${JSON.stringify(agent)}.`, { agent })
    const { definition } = lane
    const isNamed = journal === undefined || options.run !== undefined
    const read = readRunOptions(isNamed ? options : { ...options, run: orderedId() })
    if ('fault' in read) throw invalidOptions(agent, read.fault)
    const { id, signal, affinity, parent, runMs, given } = inherited(agent, read, definition.timeouts.runMs)
    if (this.#runs.has(id)) throw invalidOptions(agent, `a run with the id ${JSON.stringify(id)} is under way`)
    const body = encodeRequest(agent, request)
    const record = journal?.begin({
      run: id,
      agent,
      mode,
      body,
      runMs: options.runMs,
      affinity,
      idempotencyKey: options.idempotencyKey,
      parent: options.idempotencyKey === undefined ? parent?.id : undefined,
      isIdempotent: definition.idempotent,
      isNamed,
    })
    const how = mode === 'sync' ? mode : 'stream'
    const spec = { run: id, mode: how, definition, body, runMs, signal, affinity, parent, record, given } as const
    return this.#launch(lane, spec, execute)
  }

  #launch(lane: Lane, spec: Omit<RunSpec, 'execute'>, execute: (self: () => Run) => Execute): Run {
    const { run: id, record } = spec
    const trace = this.#options.traces?.begin(spec)
    const executed = execute(() => run)
    const run: Run = new Run({ ...spec, trace, execute: trace?.around(executed) ?? executed }, lane.options)
    if (record) record.onRefused = (error) => run.refuse(error)
    this.#runs.set(id, run)
    void run.settled.then(() => this.#runs.get(id) === run && this.#runs.delete(id))
    lane.submit(run)
    return run
  }

  #lane(agent: string): Lane | undefined {
    const definition = this.#options.definitionOf(agent)
    if (definition === undefined) return undefined
    let lane = this.#lanes.get(agent)
    if (lane === undefined) {
      const { clock, send, tell, parentOf } = this.#options
      lane = new Lane(definition, {
        clock,
        tell,
        parent: parentOf(agent),
        tools: this.#tools,
        wake: () => send({ type: 'agent.start', agent }),
        quiet: () => send({ type: 'agent.quiet', agent }),
        scale: (replicas) => send({ type: 'agent.scale', agent, replicas, why: 'load' }),
        recycle: (generation, why) => send({ type: 'replica.recycle', agent, generation, why }),
      })
      this.#lanes.set(agent, lane)
    }
    lane.definition = definition
    if (!isActive(lane.options.parent)) lane.options.parent = this.#options.parentOf(agent)
    return lane
  }
}

/** An agent that its supervisor has made anew has another parent for its runs. */
function isActive(ref: AnyActorRef): boolean {
  return ref.getSnapshot().status === 'active'
}
