/**
 * Owns the type of a system whose agents are known by the definitions that it was made with. Types only; the system is axon.ts.
 */
import type { AgentHandle } from './agent-handle.ts'
import type { RequestOf, ResultIn, WithOutputs } from './agent-types.ts'
import type { Axon } from './axon.ts'
import type { Conversation } from './conversations/conversation.ts'

/** As `Axon`, with the results that `output` gives to its agents: they stand above those of `axon types`. */
export type AxonOf<Outputs> = WithOutputs<Outputs> & {
  agent<Name extends keyof Outputs & string>(
    name: Name,
  ): AgentHandle<ResultIn<WithOutputs<Outputs>, Name>, RequestOf<Name>>
  conversation<Name extends keyof Outputs & string>(
    agent: Name,
    id: string,
  ): Conversation<ResultIn<WithOutputs<Outputs>, Name>, RequestOf<Name>>
} & Axon
