/**
 * Owns what a replica's machine remembers and hears. The chart is agent.ts.
 */
import type { ActorRef, Snapshot } from 'xstate'
import type { AxonError } from '../errors.ts'
import type { AgentEndpoint, AgentFacts, HeartbeatFrame } from '../protocol/control.ts'
import type { AchievedLimits } from '../protocol/host.ts'
import type { AchievedSandbox } from '../protocol/sandbox.ts'
import type { Crash } from './crash.ts'
import type { AgentDefinition } from './definition.ts'
import type { AgentFact } from './facts.ts'
import type { RestartHistory } from './restart-policy.ts'
import type { Environment, PortEvent, RayApplication } from './slots.ts'

/** Who hears the facts of a replica. */
export type FactListener = ActorRef<Snapshot<unknown>, AgentFact>

export interface AgentInput {
  definition: AgentDefinition
  /** Which of the agent's replicas it is. Default: 0. */
  replica?: number | undefined
  /** The last generation that this replica has had before. Default: 0. */
  generation?: number | undefined
  parent: FactListener
  /** A monotonic clock in milliseconds. Default: `performance.now`. */
  now?: (() => number) | undefined
  /** From 0 to 1. Default: `Math.random`. */
  random?: (() => number) | undefined
}

export type AgentCommand =
  | { type: 'agent.start' }
  | { type: 'agent.stop' }
  | { type: 'agent.restart' }
  | { type: 'agent.drain' }
  /** Nobody has called it for `idleAfterMs`: its process is let go, and the next run starts another. */
  | { type: 'agent.quiet' }
  /** A changed definition: taken at once, and the process is replaced where there is one. */
  | { type: 'agent.configure'; definition: AgentDefinition }

export type ReplicaEvent =
  | AgentCommand
  /** A changed definition by which the process that there is can go on. */
  | { type: 'agent.adjust'; definition: AgentDefinition }

export type AgentEvent =
  | ReplicaEvent
  | PortEvent
  | { type: 'liveness.suspected' }
  | { type: 'liveness.expired' }
  | { type: 'restart.decided' }
  | { type: 'failed.cooled' }

export interface AgentContext {
  definition: AgentDefinition
  replica: number
  parent: FactListener
  now: () => number
  random: () => number
  /** How many processes this replica has had. */
  generation: number
  environment: Environment | undefined
  /** From the spawn until `process.exited`: what is heard outside of it is a late word. */
  hasProcess: boolean
  pid: number | undefined
  /** How each limit of the process is held. */
  achieved: AchievedLimits | undefined
  /** How its sandbox holds it. */
  sandboxed: AchievedSandbox | undefined
  endpoint: AgentEndpoint | undefined
  facts: AgentFacts | undefined
  readyAtMs: number | undefined
  crash: Crash | undefined
  history: RestartHistory
  restarts: number
  delayMs: number
  givenUp: 'hopeless' | 'intensity' | undefined
  /** What follows when the process that is being ended has ended. */
  next: 'started' | 'idle' | 'stopped'
  /** The last figures of the process that is alive. */
  heartbeat: HeartbeatFrame | undefined
  /** What it consists of, where it is on Ray. */
  application: RayApplication | undefined
  lastError: AxonError | undefined
}

/** What is known of a process before it is made. */
export const noProcess = {
  pid: undefined,
  achieved: undefined,
  sandboxed: undefined,
  endpoint: undefined,
  facts: undefined,
  readyAtMs: undefined,
  crash: undefined,
  heartbeat: undefined,
  application: undefined,
} satisfies Partial<AgentContext>

/** `writer/0#3`: the third process of replica 0 of agent writer. */
export const generationOf = ({
  definition,
  replica,
  generation,
}: Pick<AgentContext, 'definition' | 'replica' | 'generation'>): string =>
  `${replicaName(definition.name, replica)}#${generation}`

/** `writer/0`: replica 0 of agent writer. */
export const replicaName = (agent: string, replica: number): string => `${agent}/${replica}`

/** `writer/0`, of `writer/0#3`. */
export const replicaOf = (generation: string): string => generation.slice(0, generation.lastIndexOf('#'))
