/**
 * Owns what the root actor remembers and hears. The chart is system.ts.
 */
import type { ActorRefFrom, AnyActorRef } from 'xstate'
import type { AxonError } from '../errors.ts'
import type { Arrangement, TeamDefinition } from './arrangement.ts'
import type { AgentDefinition } from './definition.ts'
import type { AgentFact, PoolFact, RunFact, SystemFact, ToolFact } from './facts.ts'
import type { poolMachine } from './pool.ts'
import type { PoolCommand, PoolWord } from './pool-context.ts'
import type { RunCommand } from './slots.ts'
import type { Intensity } from './supervision/intensity.ts'

export interface SystemInput {
  /** The agents to begin with. */
  agents: readonly AgentDefinition[]
  /** Supervisors of agents, below the root. Default: none, every agent is the root's own. */
  supervisors?: readonly TeamDefinition[] | undefined
  /** Restarts of the root's children, which end only by `onFailed: 'escalate'`, that are permitted within `periodMs`. Default: 1. */
  intensity?: number | undefined
  /** Default: 5000. */
  periodMs?: number | undefined
  /** A monotonic clock in milliseconds. Default: `performance.now`. */
  now?: (() => number) | undefined
  /** From 0 to 1, for jitter. Default: `Math.random`. */
  random?: (() => number) | undefined
}

/** What may be asked of a system: `axon.actor.send(…)`. */
export type SystemCommand =
  | (Exclude<PoolCommand, { type: 'agent.configure' }> & { agent: string })
  | { type: 'agent.spawn'; definition: AgentDefinition }
  | { type: 'agent.configure'; definition: AgentDefinition }
  | { type: 'system.close' }
  /** Ends every agent at once, also while the system is closing. */
  | { type: 'system.destroy' }
  | RunCommand

/** What the root says to itself. */
type SystemWord =
  | { type: 'supervisor.open'; team: TeamDefinition }
  /** A command to runs that came to nothing. */
  | Extract<SystemFact, { type: 'event.refused' }>
  /** An agent is gone; nobody who is there comes after those of `freed`. */
  | { type: 'member.left'; freed: readonly string[] }

export type SystemEvent = SystemCommand | AgentFact | PoolFact | RunFact | ToolFact | PoolWord | SystemWord

export interface Member {
  definition: AgentDefinition
  /** Undefined until its supervisor has made it. */
  ref: ActorRefFrom<typeof poolMachine> | undefined
  /** The supervisor that it was given to; undefined: the root. */
  team: string | undefined
  isRetiring: boolean
  /** The groups that its definition has put it in. */
  joined: readonly string[]
}

export interface SystemContext {
  /** In the order of spawning; changed in place, because copying it at every spawn would make the last of many cost a hundred times the first. */
  members: Map<string, Member>
  /** The supervisors of agents, by name; changed in place. */
  teams: Map<string, AnyActorRef>
  arrangement: Arrangement
  /** Restarts of the root's children. */
  window: Intensity
  input: SystemInput
  /** The last failure that an agent's definition calls an exit. */
  fault: AxonError | undefined
}
