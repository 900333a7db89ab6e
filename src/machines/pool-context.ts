/**
 * Owns what the supervisor of an agent's replicas remembers and hears, and the pure questions about them. The chart is pool.ts.
 */
import type { AnyActorRef } from 'xstate'
import type { AxonError } from '../errors.ts'
import type { AgentCommand } from './agent-context.ts'
import type { AgentDefinition } from './definition.ts'
import type { AgentFact, RecycleReason, RolloutReason, ScaleReason } from './facts.ts'

export interface PoolInput {
  definition: AgentDefinition
  /** Who hears the facts of the agent, its replicas' and its own: the root, also where another actor supervises it. */
  parent: AnyActorRef
  /** Whether it tells that it was made: where another actor than `parent` does that. Default: false. */
  announces?: boolean | undefined
  /** A monotonic clock in milliseconds. Default: `performance.now`. */
  now?: (() => number) | undefined
  /** From 0 to 1. Default: `Math.random`. */
  random?: (() => number) | undefined
}

export type PoolCommand =
  | AgentCommand
  /** How many replicas there are to be. A range is kept to; a fixed number is changed. */
  | { type: 'agent.scale'; replicas: number; why?: ScaleReason | undefined }
  /** This process is to be replaced by a new one, without a gap where that can be. */
  | { type: 'replica.recycle'; generation: string; why: RecycleReason }
  /** Drains and stops every replica; then the actor is done. */
  | { type: 'agent.retire' }

export type PoolEvent =
  | PoolCommand
  | AgentFact
  /** As `agent.retire`, from a supervisor. */
  | { type: 'supervisor.shutdown' }
  /** Runs are about to come: their parent is wanted. */
  | { type: 'tasks.wanted' }

/** What a pool that announces itself says to its parent, and to nobody else. */
export type PoolWord =
  | { type: 'pool.made'; agent: string; ref: AnyActorRef }
  /** `error`: it ended by itself, of a fault of Axon's own or because its definition says so. */
  | { type: 'pool.ended'; agent: string; error: AxonError | undefined }

/** What the pool knows of one of its replicas. */
export interface Replica {
  index: number
  /** Its process takes runs. */
  isReady: boolean
  /** The process that was heard of last: `writer/0#3`. */
  generation: string
  /** It was stopped, and has not been started since. */
  isStopped: boolean
  /** It is being drained, and is gone when it has stopped. */
  isLeaving: boolean
  /** Crashes since it was last ready. */
  crashes: number
  /** What it was given last. That of the pool is newer until a rollout has reached it. */
  definition: AgentDefinition
  /** It is counted how long its process has been ready. */
  isAging: boolean
}

/** What was last asked of an agent. */
export type Wish = 'serve' | 'rest' | 'stop'

export interface Rollout {
  why: RolloutReason
  /** Replicas whose process is still to be replaced, in that order. */
  waiting: readonly number[]
  /** The replica that is being started to take the place of the first that waits; undefined while only old ones drain. */
  surge: number | undefined
}

export interface PoolContext extends PoolInput {
  /** In the order of their indices. */
  replicas: readonly Replica[]
  /** The last generation of replicas that have left, so that no process is ever named twice. */
  left: Readonly<Record<number, number>>
  /** Only one that is to serve is given more processes than it has: neither load nor a change starts what was stopped. */
  wish: Wish
  rollout: Rollout | undefined
  /** When processes were replaced for want of descriptors. */
  outOfFilesAt: readonly number[]
  /** Why the actor ended by itself. */
  fault: AxonError | undefined
}

export const serverId = (index: number): string => `server/${index}`

/** Every process that was to be replaced is gone. */
export const isRolledOut = ({ rollout, replicas }: PoolContext): boolean =>
  rollout === undefined || (rollout.surge === undefined && !replicas.some(({ isLeaving }) => isLeaving))

/** Those that are not on their way out. */
export const kept = ({ replicas }: Pick<PoolContext, 'replicas'>): Replica[] =>
  replicas.filter(({ isLeaving }) => !isLeaving)

/** Whether as many of its replicas are ready as there are to be when it is started. */
export const isUp = (pool: Pick<PoolContext, 'definition' | 'replicas'>): boolean =>
  kept(pool).filter(({ isReady }) => isReady).length >= leastOf(pool.definition)

/** Whether it was stopped, and no process of it is there. */
export const isStopped = (pool: Pick<PoolContext, 'replicas'>): boolean =>
  pool.replicas.length > 0 && pool.replicas.every((replica) => replica.isStopped)

/** How many replicas an agent may be asked for by an event: as many as by its definition. */
export const isCount = (replicas: unknown): boolean =>
  Number.isInteger(replicas) && (replicas as number) >= 0 && (replicas as number) <= 10_000

/** How many replicas an agent has when it is started: never none, because then it would not have been started. */
export const leastOf = (definition: Counted): number => Math.max(1, countOf(definition).min)

type Counted = Pick<AgentDefinition, 'placement' | 'replicas'>

/** How many replicas the pool has of an agent. On Ray one stands for the application, and its replicas are Ray's. */
export const countOf = ({ placement, replicas }: Counted): AgentDefinition['replicas'] =>
  placement ? { min: Math.min(1, replicas.min), max: 1 } : replicas

/** How many runs at once one replica of the pool takes. */
export const placesOf = (definition: Counted & Pick<AgentDefinition, 'concurrency'>): number =>
  definition.concurrency * (definition.placement ? definition.replicas.max : 1)

export function freeIndex({ replicas }: Pick<PoolContext, 'replicas'>): number {
  let index = 0
  while (replicas.some((replica) => replica.index === index)) index += 1
  return index
}

/** Those that go first when there are to be fewer: the ones that serve nobody, then the last. */
export function dispensable({ replicas }: Pick<PoolContext, 'replicas'>, count: number): Replica[] {
  return kept({ replicas })
    .sort((a, b) => Number(a.isReady) - Number(b.isReady) || b.index - a.index)
    .slice(0, Math.max(0, count))
}

/**
 * When processes were replaced for want of descriptors, with this one; undefined where it is to go on: of each replica as many are
 * replaced for that in a window as are restarted.
 */
export function replacedForFiles(context: PoolContext): readonly number[] | undefined {
  const { maxRestarts, withinMs } = context.definition.restart
  const now = (context.now ?? defaultNow)()
  const lately = context.outOfFilesAt.filter((at) => at > now - withinMs)
  return lately.length < Math.max(1, maxRestarts) * kept(context).length ? [...lately, now] : undefined
}

const defaultNow = () => performance.now()

/** Whether a new process can be proved ready beside the old one: not where both would want the same port. */
export const canOverlap = ({ replace, port }: AgentDefinition): boolean => replace === 'rolling' && !port

/** Whether the process of one definition can go on under the other. */
export function isSameProcess(one: AgentDefinition, other: AgentDefinition): boolean {
  return one === other || JSON.stringify(ofProcess(one)) === JSON.stringify(ofProcess(other))
}

/** The fields that the pool, the restart policy and the router read, each time anew; the rest is the process's. */
function ofProcess(definition: AgentDefinition): unknown {
  const {
    replicas: _replicas,
    scaling: _scaling,
    recycle: _recycle,
    replace: _replace,
    queue: _queue,
    idempotent: _idempotent,
    maxAttempts: _maxAttempts,
    idempotency: _idempotency,
    rate: _rate,
    usage: _usage,
    restart: _restart,
    startMs: _startMs,
    shutdownMs: _shutdownMs,
    cancelGraceMs: _cancelGraceMs,
    approvalMs: _approvalMs,
    output: _output,
    idleAfterMs: _idleAfterMs,
    after: _after,
    groups: _groups,
    onFailed: _onFailed,
    metadata: _metadata,
    ...rest
  } = definition
  // JSON hides the values of env, which are the process's all the same.
  return { ...rest, env: Object.entries(rest.env) }
}

/** The replica of a generation, while it is in the pool. */
export const replicaAt = ({ replicas }: Pick<PoolContext, 'replicas'>, generation: string): Replica | undefined => {
  const index = Number(generation.slice(generation.lastIndexOf('/') + 1, generation.lastIndexOf('#')))
  return replicas.find((replica) => replica.index === index)
}
