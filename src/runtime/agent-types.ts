/**
 * Owns what TypeScript knows of the agents of an application: the interface that the file of `axon types` fills, and what follows
 * from a name. Types only.
 */
import type { RunRequest } from '../protocol/run.ts'

/** What `axon types` knows of one agent. */
export interface AgentType {
  /** The fields of its requests that are its own, such as `deps`. */
  input: object
  /** Its result. */
  output: unknown
  /** The arguments of its tools, by name. */
  tools: object
}

/**
 * The agents that are known by name. Empty, until the file that `axon types` writes adds to it:
 * `declare module 'axon-runtime' { interface AgentTypes { support: … } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: applications add to it
export interface AgentTypes {}

/** A name that is known, which an editor offers, or any other. */
export type AgentName = keyof AgentTypes | (string & {})

/** What is known of an agent; nothing is of a name that nobody has told. */
type Known<Name> = Name extends keyof AgentTypes ? AgentTypes[Name] : unknown

/** The result of an agent: `unknown` where nothing is known of it. */
export type ResultOf<Name> = Known<Name> extends { output: infer Output } ? Output : unknown

/** The request of an agent, with the type of its `deps` where that is known. */
export type RequestOf<Name> =
  Known<Name> extends { input: infer Input } ? Omit<RunRequest, keyof Input> & Input : RunRequest

/** The arguments of an agent's tool as its model is asked for them; `unknown` where nothing is known of it. */
export type ToolArgumentsOf<Name, Tool extends string> =
  Known<Name> extends { tools: Record<Tool, infer Arguments> } ? Arguments : unknown

declare const outputs: unique symbol

/** Systems that were made with an `output` for some of their agents; `Outputs` has their results by name. */
export interface WithOutputs<Outputs> {
  readonly [outputs]?: Outputs
}

/** The result of an agent of a system: that of its `output`, else what `axon types` knows of its name. */
export type ResultIn<System, Name> =
  System extends WithOutputs<infer Outputs>
    ? Name extends keyof Outputs
      ? unknown extends Outputs[Name]
        ? ResultOf<Name>
        : Outputs[Name]
      : ResultOf<Name>
    : ResultOf<Name>
