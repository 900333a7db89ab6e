/**
 * Owns the way from a tool to other agents: their runs are children of the run that calls the tool.
 */
import type { RunRequest, RunResponse } from '../../protocol/run.ts'
import type { AgentName, RequestOf, ResultOf } from '../agent-types.ts'
import type { RunParent } from '../runs/parent.ts'
import type { RunOptions } from '../runs/run-options.ts'
import type { RunStream } from '../runs/run-stream.ts'
import type { StreamOptions } from '../runs/streams.ts'

/** Where runs are made; throws as `AgentHandle` does. */
export interface RunMaker {
  answer(agent: string, request: RunRequest, options: RunOptions): Promise<RunResponse>
  stream(agent: string, request: RunRequest, options: StreamOptions): RunStream
}

/** Other agents, as a tool sees them. */
export class AgentCalls {
  readonly #maker: RunMaker
  readonly #parent: RunParent

  constructor(maker: RunMaker, parent: RunParent) {
    this.#maker = maker
    this.#parent = parent
  }

  /** An agent of the same system; whether it exists is seen when it is run. */
  agent<Name extends AgentName>(name: Name): AgentCall<ResultOf<Name>, RequestOf<Name>> {
    return new AgentCall(name, this.#maker, this.#parent)
  }
}

export class AgentCall<Result = unknown, Request extends RunRequest = RunRequest> {
  readonly name: string
  readonly #maker: RunMaker
  readonly #parent: RunParent

  constructor(name: string, maker: RunMaker, parent: RunParent) {
    this.name = name
    this.#maker = maker
    this.#parent = parent
  }

  /**
   * As `axon.agent(name).run`, on behalf of the run that calls the tool.
   * @throws RunError as that does
   * @throws AxonError RUN_TOO_DEEP, AGENT_UNKNOWN, RUN_REQUEST_INVALID
   */
  async run<Answer = Result>(request: Request, options?: RunOptions): Promise<RunResponse<Answer>> {
    const made = this.#maker.answer(this.name, request, { ...options, parent: this.#parent })
    return (await made) as RunResponse<Answer>
  }

  /** As `axon.agent(name).stream`, on behalf of the run that calls the tool. Throws as `run` does. */
  stream(request: Request, options?: StreamOptions): RunStream<Result> {
    return this.#maker.stream(this.name, request, { ...options, parent: this.#parent }) as RunStream<Result>
  }
}
