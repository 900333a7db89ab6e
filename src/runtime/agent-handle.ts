/**
 * Owns what a user holds of one agent: runs, streams, events, and a look at its state.
 */

import type { SnapshotFrom } from 'xstate'
import type { AxonError } from '../errors.ts'
import type { agentMachine } from '../machines/agent.ts'
import { generationOf } from '../machines/agent-context.ts'
import type { Crash } from '../machines/crash.ts'
import type { AgentFacts, Endpoint, HeartbeatFrame } from '../protocol/control.ts'
import type { AchievedLimits, AgentLimits } from '../protocol/host.ts'
import type { RunRequest, RunResponse } from '../protocol/run.ts'
import type { Dispatcher } from './runs/dispatcher.ts'
import type { RunOptions } from './runs/run-options.ts'
import type { RunStream } from './runs/run-stream.ts'

export type AgentState =
  | 'idle'
  | 'provisioning'
  | 'starting'
  | 'ready'
  | 'suspect'
  | 'draining'
  | 'stopping'
  | 'stopped'
  | 'crashed'
  | 'backoff'
  | 'failed'

export interface AgentSnapshot {
  name: string
  state: AgentState
  /** The process that is, or was last: `writer/0#3`. */
  generation: string
  /** Undefined where no process is alive. */
  pid: number | undefined
  endpoint: Endpoint | undefined
  /** What the process found in the module. */
  facts: AgentFacts | undefined
  /** The interpreter that runs it, and its version. */
  python: { path: string; version: string } | undefined
  /** What was asked, and how the process that is alive is held to it; undefined where no limits are set. */
  limits: (AgentLimits & { achieved: AchievedLimits | undefined }) | undefined
  /** Restarts after a crash, since the agent was spawned. */
  restarts: number
  /** What its process uses, as it last told: every 2 s. Undefined where no process is alive, or has told nothing yet. */
  resources: ProcessResources | undefined
  /** Runs that were sent and have not settled. */
  inFlight: number
  /** Runs that wait. */
  queued: number
  /** How the last process was lost, until the next is tried. */
  crash: Crash | undefined
  lastError: AxonError | undefined
  metadata: Readonly<Record<string, unknown>>
}

/** Bytes, seconds, milliseconds and counts of one process. */
export type ProcessResources = Omit<HeartbeatFrame, 'type'>

/** `start` leaves `failed` and `stopped`; `stop` and `drain` let runs finish within `shutdownMs`; `restart` replaces the process. */
export type AgentCommandName = 'agent.start' | 'agent.stop' | 'agent.restart' | 'agent.drain'

export interface AgentHandleOptions {
  /** Takes new runs; throws where the system takes none. */
  dispatcher: () => Dispatcher
  /** How much there is to do. */
  load: () => ReturnType<Dispatcher['load']>
  send: (command: { type: AgentCommandName; agent: string }) => void
  machine: () => SnapshotFrom<typeof agentMachine> | undefined
  /** Resolves when the agent is ready. */
  ready: () => Promise<void>
}

/** One agent of a system. Cheap to make; it stays valid while the agent is replaced or restarted. */
export class AgentHandle {
  readonly name: string
  #options: AgentHandleOptions

  constructor(name: string, options: AgentHandleOptions) {
    this.name = name
    this.#options = options
  }

  /**
   * Runs the agent once and answers as a whole. Waits for the agent where it is starting or restarting.
   * @throws RunError with `code`, `started`, `attempt`, and `kind` and `traceback` where the agent raised
   * @throws AxonError RUN_REQUEST_INVALID, AGENT_FAILED, AGENT_STOPPED, AGENT_BACKOFF, RUN_REJECTED
   */
  async run<Result = unknown>(request: RunRequest, options?: RunOptions): Promise<RunResponse<Result>> {
    return (await this.#options.dispatcher().run(this.name, request, options).result) as RunResponse<Result>
  }

  /**
   * Runs the agent once and gives its events as they arrive: `for await (const event of agent.stream(request))`. A loop that is
   * left early cancels the run.
   * @throws AxonError RUN_REQUEST_INVALID at once; every other error is thrown into the loop
   */
  stream(request: RunRequest, options?: RunOptions): RunStream {
    return this.#options.dispatcher().stream(this.name, request, options)
  }

  /** Sends the agent an event, for example `{ type: 'agent.restart' }`. */
  send(event: { type: AgentCommandName }): void {
    this.#options.send({ type: event.type, agent: this.name })
  }

  /** Resolves when the agent is ready; at once where it is, or rests until the next run. @throws AxonError with the reason where it fails or is stopped */
  ready(): Promise<void> {
    return this.#options.ready()
  }

  /** The agent as it is now; undefined where it is not in the system. */
  snapshot(): AgentSnapshot | undefined {
    const machine = this.#options.machine()
    if (machine === undefined) return undefined
    const { context, value } = machine
    return {
      name: this.name,
      state: (typeof value === 'string' ? value : Object.keys(value)[0]) as AgentState,
      generation: generationOf(context),
      pid: context.pid,
      endpoint: context.endpoint,
      facts: context.facts,
      python: context.environment && { path: context.environment.python, version: context.environment.version },
      limits: context.definition.limits && { ...context.definition.limits, achieved: context.achieved },
      restarts: context.restarts,
      ...this.#options.load(),
      resources: context.heartbeat && resourcesOf(context.heartbeat),
      crash: context.crash,
      lastError: context.lastError,
      metadata: context.definition.metadata,
    }
  }
}

function resourcesOf({ type, ...resources }: HeartbeatFrame): ProcessResources {
  return resources
}
