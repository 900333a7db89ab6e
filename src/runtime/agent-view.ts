/**
 * Owns the look at one agent: what its pool and its replicas are, in the words of a user.
 */
import type { SnapshotFrom } from 'xstate'
import type { AxonError } from '../errors.ts'
import type { agentMachine } from '../machines/agent.ts'
import { generationOf, replicaName } from '../machines/agent-context.ts'
import type { Crash } from '../machines/crash.ts'
import type { poolMachine } from '../machines/pool.ts'
import { serverId } from '../machines/pool-context.ts'
import type { RayApplication } from '../machines/slots.ts'
import type { AgentEndpoint, AgentFacts, HeartbeatFrame } from '../protocol/control.ts'
import type { AchievedLimits, AgentLimits } from '../protocol/host.ts'
import type { AchievedSandbox, Permissions, SandboxLevel } from '../protocol/sandbox.ts'
import { type Load, noLoad } from './runs/load.ts'

/** The states of a replica; the agent's own is that of its replica that is best off. */
export type AgentState = (typeof bestFirst)[number]

const bestFirst = [
  'ready',
  'suspect',
  'starting',
  'provisioning',
  'backoff',
  'crashed',
  'draining',
  'stopping',
  'failed',
  'idle',
  'stopped',
] as const

export interface ReplicaSnapshot {
  state: AgentState
  /** The process that is, or was last: `writer/0#3`. */
  generation: string
  /** Undefined where no process is alive, and on Ray. */
  pid: number | undefined
  endpoint: AgentEndpoint | undefined
  /** What the process found in the module. */
  facts: AgentFacts | undefined
  /** The interpreter that runs it, and its version. */
  python: { path: string; version: string } | undefined
  /** What was asked, and how the process that is alive is held to it; undefined where no limits are set. */
  limits: (AgentLimits & { achieved: AchievedLimits | undefined }) | undefined
  /** What was asked, and by what the process that is ready is held to it; undefined where it has no sandbox. */
  sandbox: (Permissions & { level: SandboxLevel; achieved: AchievedSandbox | undefined }) | undefined
  /** Restarts after a crash. */
  restarts: number
  /** What its process uses, as it last told: every 2 s. Undefined where no process is alive, or has told nothing yet. */
  resources: ProcessResources | undefined
  /** What stands for its process on Ray, as it last was: every 2 s. Undefined on this machine, and before it is ready. */
  application: RayApplication | undefined
  /** Runs that were sent to its process and have not settled. */
  inFlight: number
  /** How the last process was lost, until the next is tried. */
  crash: Crash | undefined
  lastError: AxonError | undefined
}

/** An agent; what a process has is that of its replica that is best off. */
export interface AgentSnapshot extends ReplicaSnapshot {
  name: string
  /** Restarts after a crash of all its replicas, since each was made. */
  restarts: number
  /** Runs of all its replicas that were sent and have not settled. */
  inFlight: number
  /** Runs that wait. */
  queued: number
  /** Runs that have settled, however they ended. */
  runs: number
  /** Those of `runs` that failed, were interrupted or took too long. */
  errors: number
  /** Every replica, those on their way out too; none where the agent was never started. */
  replicas: readonly ReplicaSnapshot[]
  /** Whether its processes are being replaced. */
  isRolling: boolean
  metadata: Readonly<Record<string, unknown>>
}

/** Bytes, seconds, milliseconds and counts of one process. */
export type ProcessResources = Omit<HeartbeatFrame, 'type'>

export type PoolSnapshot = SnapshotFrom<typeof poolMachine>

/** The agent as it is now. */
export function viewAgent(pool: PoolSnapshot, load: Load = noLoad): AgentSnapshot {
  const { definition, replicas: members } = pool.context
  const all = members.flatMap(({ index, isLeaving }) => {
    const ref = pool.children[serverId(index)]
    if (ref === undefined) return []
    const machine = ref.getSnapshot() as SnapshotFrom<typeof agentMachine>
    return [{ isLeaving, view: viewReplica(machine, load.byReplica.get(replicaName(definition.name, index)) ?? 0) }]
  })
  const rank = ({ isLeaving, view }: (typeof all)[number]) => Number(isLeaving) * 100 + bestFirst.indexOf(view.state)
  const best = [...all].sort((a, b) => rank(a) - rank(b))[0]?.view
  const replicas = all.map(({ view }) => view)
  return {
    ...(best ?? notMade(definition.name)),
    name: definition.name,
    restarts: replicas.reduce((sum, { restarts }) => sum + restarts, 0),
    inFlight: load.inFlight,
    queued: load.queued,
    runs: load.runs,
    errors: load.errors,
    replicas,
    isRolling: pool.matches('rolling'),
    metadata: definition.metadata,
  }
}

function viewReplica({ context, value }: SnapshotFrom<typeof agentMachine>, inFlight: number): ReplicaSnapshot {
  const { permissions, sandbox } = context.definition
  return {
    state: (typeof value === 'string' ? value : Object.keys(value)[0]) as AgentState,
    generation: generationOf(context),
    pid: context.pid,
    endpoint: context.endpoint,
    facts: context.facts,
    python: context.environment && { path: context.environment.python, version: context.environment.version },
    limits: context.definition.limits && { ...context.definition.limits, achieved: context.achieved },
    sandbox: permissions && { level: sandbox, ...permissions, achieved: context.sandboxed },
    restarts: context.restarts,
    resources: context.heartbeat && resourcesOf(context.heartbeat),
    application: context.application,
    inFlight,
    crash: context.crash,
    lastError: context.lastError,
  }
}

function notMade(agent: string): ReplicaSnapshot {
  return {
    state: 'idle',
    generation: `${replicaName(agent, 0)}#0`,
    pid: undefined,
    endpoint: undefined,
    facts: undefined,
    python: undefined,
    limits: undefined,
    sandbox: undefined,
    restarts: 0,
    resources: undefined,
    application: undefined,
    inFlight: 0,
    crash: undefined,
    lastError: undefined,
  }
}

function resourcesOf({ type, ...resources }: HeartbeatFrame): ProcessResources {
  return resources
}
