/**
 * Owns agents as XState actor logic, so that any machine composes them: a run as a promise actor, and its events as a callback
 * actor. What is done with the answers is the machine's.
 *
 * 1. The run ends with its actor: an actor that is stopped cancels its run.
 * 2. The id of the run is in the actor's input from the start, where inspectors show it.
 */
import { randomUUID } from 'node:crypto'
import { type AnyActorLogic, type CallbackActorLogic, fromCallback, fromPromise, type PromiseActorLogic } from 'xstate'
import { type AxonError, toAxonError } from '../errors.ts'
import type { RunRequest, RunResponse, RunStreamEvent } from '../protocol/run.ts'
import type { AgentHandle } from './agent-handle.ts'
import type { AgentName, RequestOf, ResultIn } from './agent-types.ts'
import type { Axon } from './axon.ts'
import type { RunOptions } from './runs/run-options.ts'
import type { RunStream } from './runs/run-stream.ts'

/** The request of one run, and what is said of it beside. */
export type AgentInput<Request = RunRequest> = Request & {
  /** `run` names it; default: a random UUID. `parent` is the run of a tool that it is a child of. */
  options?: Omit<RunOptions, 'signal'> | undefined
}

/** What the machine that invoked a stream is sent: each event of the run, and at last `run.result` or `run.error`. */
export type AgentStreamEvent<Result = unknown> =
  | (RunStreamEvent<Result> extends infer Event
      ? Event extends { event: infer Type }
        ? Omit<Event, 'event'> & { type: Type; agent: string; run: string }
        : never
      : never)
  | { type: 'run.error'; agent: string; run: string; error: AxonError }

/**
 * One run of an agent as promise logic: `invoke: { src: agentLogic(axon, 'support'), input: { prompt: 'Hello' } }`. Its output is
 * the run's answer, its error a RunError as `axon.agent(name).run()` throws it.
 */
export function agentLogic<System extends Axon, const Name extends AgentName>(
  axon: System,
  name: Name,
): PromiseActorLogic<RunResponse<ResultIn<System, Name>>, AgentInput<RequestOf<Name>>> {
  return named(
    fromPromise(async ({ input: { options, ...request }, signal }) => {
      const agent = (axon as Axon).agent(name) as AgentHandle
      return (await agent.run(request as RunRequest, { ...options, signal })) as RunResponse<ResultIn<System, Name>>
    }),
  )
}

/**
 * One streamed run of an agent as callback logic: its events are sent to the parent as `{ type: 'text.delta', data, id, agent, run }`,
 * and at last `run.result` with the answer as `data`, or `run.error` with the `error`. `{ type: 'run.cancel' }` cancels it.
 */
export function agentStreamLogic<System extends Axon, const Name extends AgentName>(
  axon: System,
  name: Name,
): CallbackActorLogic<{ type: 'run.cancel' }, AgentInput<RequestOf<Name>>> {
  return named(
    fromCallback<{ type: 'run.cancel' }, AgentInput<RequestOf<Name>>>(({ input, sendBack, receive }) => {
      const { options, ...request } = input
      const about = { agent: name as string, run: options?.run as string }
      let isStopped = false
      let stream: RunStream | undefined
      const tell = (event: AgentStreamEvent) => {
        if (!isStopped) sendBack(event)
      }
      const read = async () => {
        stream = ((axon as Axon).agent(name) as AgentHandle).stream(request as RunRequest, options)
        for await (const { event: type, ...rest } of stream) tell({ type, ...rest, ...about } as AgentStreamEvent)
      }
      receive(() => stream?.cancel())
      void read().catch((error) => tell({ type: 'run.error', ...about, error: toAxonError(error) }))
      return () => {
        isStopped = true
        stream?.cancel()
      }
    }),
  )
}

/** Gives the run its id where the actor's input is made. */
function named<Logic extends AnyActorLogic>(logic: Logic): Logic {
  return {
    ...logic,
    getInitialSnapshot: (scope, input: AgentInput) =>
      logic.getInitialSnapshot(scope, { ...input, options: { run: randomUUID(), ...input.options } }),
  }
}
