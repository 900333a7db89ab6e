/**
 * Owns what a user holds of one agent: runs, streams, events, and a look at its state.
 */
import type { PoolCommand } from '../machines/pool-context.ts'
import type { RunRequest, RunResponse } from '../protocol/run.ts'
import type { AgentSchema } from '../protocol/schema.ts'
import { type AgentSnapshot, type PoolSnapshot, viewAgent } from './agent-view.ts'
import type { Dispatcher } from './runs/dispatcher.ts'
import type { RunOptions } from './runs/run-options.ts'
import type { RunStream } from './runs/run-stream.ts'
import type { ResumeOptions, StreamOptions } from './runs/streams.ts'

/**
 * `start` leaves `failed` and `stopped`; `stop` and `drain` let runs finish within `shutdownMs`; `restart` replaces the processes;
 * `scale` says how many replicas there are to be.
 */
export type AgentHandleCommand = Extract<
  PoolCommand,
  { type: 'agent.start' | 'agent.stop' | 'agent.restart' | 'agent.drain' | 'agent.scale' }
>

export interface AgentHandleOptions {
  /** Takes new runs; throws where the system takes none. */
  dispatcher: () => Dispatcher
  /** How much there is to do. */
  load: () => ReturnType<Dispatcher['load']>
  send: (command: AgentHandleCommand & { agent: string }) => void
  pool: () => PoolSnapshot | undefined
  /** Resolves when the agent is ready. */
  ready: () => Promise<void>
}

/** One agent of a system. Cheap to make; it stays valid while the agent is replaced or restarted. */
export class AgentHandle<Result = unknown, Request extends RunRequest = RunRequest> {
  readonly name: string
  #options: AgentHandleOptions

  constructor(name: string, options: AgentHandleOptions) {
    this.name = name
    this.#options = options
  }

  /**
   * Runs the agent once and answers as a whole. Waits for the agent where it is starting or restarting.
   * @throws RunError with `code`, `started`, `attempt`, and `kind` and `traceback` where the agent raised
   * @throws RunError AGENT_FAILED, AGENT_STOPPED, AGENT_BACKOFF, RUN_REJECTED with `started: false`, where it was never sent
   * @throws AxonError RUN_REQUEST_INVALID, RUN_KEY_REUSED: there is no run
   */
  async run<Answer = Result>(request: Request, options?: RunOptions): Promise<RunResponse<Answer>> {
    return (await this.#options.dispatcher().answer(this.name, request, options)) as RunResponse<Answer>
  }

  /**
   * Runs the agent once and gives its events as they arrive: `for await (const event of agent.stream(request))`. A loop that is
   * left early cancels the run, unless it is `resumable`.
   * @throws AxonError RUN_REQUEST_INVALID at once; every other error is thrown into the loop
   */
  stream(request: Request, options?: StreamOptions): RunStream<Result> {
    return this.#options.dispatcher().stream(this.name, request, options) as RunStream<Result>
  }

  /**
   * Another reader of a run that was started with `stream(request, { resumable: true })`: the events after the one of the id
   * `after`, then those that come. While the run lives, and for its `resumeMs` after its end; with a
   * journal as long as that has it, also after the end of Node.
   * @throws AxonError RUN_UNKNOWN at once, with a journal into the loop; RUN_EVENTS_LOST into the loop where an event is kept no more
   */
  resume(run: string, options?: ResumeOptions): RunStream<Result> {
    return this.#options.dispatcher().resume(this.name, run, options) as RunStream<Result>
  }

  /** Sends the agent an event, for example `{ type: 'agent.restart' }` or `{ type: 'agent.scale', replicas: 4 }`. */
  send(event: AgentHandleCommand): void {
    this.#options.send({ ...event, agent: this.name })
  }

  /** Resolves when the agent is ready; at once where it is, or rests until the next run. @throws AxonError with the reason where it fails or is stopped */
  ready(): Promise<void> {
    return this.#options.ready()
  }

  /**
   * JSON Schemas of its requests, results and tools, as its process tells them, when it is ready.
   * @throws AxonError as `ready()` does, AGENT_STOPPED where it rests
   */
  async schema(): Promise<AgentSchema> {
    await this.ready()
    return this.#options.dispatcher().schema(this.name)
  }

  /** The agent as it is now; undefined where it is not in the system. */
  snapshot(): AgentSnapshot | undefined {
    const pool = this.#options.pool()
    return pool && viewAgent(pool, this.#options.load())
  }
}
