/**
 * Owns the facts that the machines tell: the same string is the emitted event, the telemetry event, the log field and the
 * inspector's row. What is done with them belongs to runtime/telemetry.
 */
import type { AxonError } from '../errors.ts'
import type { AgentEndpoint, AgentFacts, HeartbeatFrame } from '../protocol/control.ts'
import type { Crash } from './crash.ts'
import type { Environment, ExitRecord, RayApplication } from './slots.ts'

/** Told by a replica's machine. `generation` names the process, for example `writer/0#3`. */
export type AgentFact =
  | { type: 'agent.idle'; agent: string; generation: string }
  | { type: 'agent.provisioning'; agent: string; generation: string }
  | { type: 'environment.ready'; agent: string; generation: string; environment: Environment }
  | { type: 'agent.starting'; agent: string; generation: string }
  /** `pid`, here and below: undefined on Ray. */
  | { type: 'process.spawned'; agent: string; generation: string; pid: number | undefined }
  | {
      type: 'agent.ready'
      agent: string
      generation: string
      pid: number | undefined
      endpoint: AgentEndpoint
      facts: AgentFacts
    }
  | { type: 'process.heartbeat'; agent: string; generation: string; heartbeat: HeartbeatFrame }
  | { type: 'process.replicas'; agent: string; generation: string; application: RayApplication }
  | { type: 'agent.suspect'; agent: string; generation: string }
  | { type: 'agent.recovered'; agent: string; generation: string }
  | { type: 'agent.draining'; agent: string; generation: string }
  | { type: 'agent.stopping'; agent: string; generation: string }
  | { type: 'process.exited'; agent: string; generation: string; exit: ExitRecord }
  /** `wasReady`: the process had served; else it was lost at its start. */
  | {
      type: 'agent.crashed'
      agent: string
      generation: string
      crash: Crash
      restarts: number
      wasReady: boolean
    }
  | { type: 'agent.backoff'; agent: string; generation: string; delayMs: number; error: AxonError }
  | { type: 'agent.failed'; agent: string; generation: string; why: 'hopeless' | 'intensity'; error: AxonError }
  | { type: 'agent.stopped'; agent: string; generation: string }

/** What called for another number of replicas. */
export type ScaleReason = 'asked' | 'load' | 'configured'
/** What a process has had enough of; `files`: it has no descriptor left; `stuck`: it holds a run that ignores its cancellation. */
export type RecycleReason = 'age' | 'runs' | 'memory' | 'files' | 'stuck'
/** What called for new processes in the place of old ones. */
export type RolloutReason = 'asked' | 'configured' | RecycleReason

/** Told by the supervisor of an agent's replicas. */
export type PoolFact =
  | { type: 'agent.scaled'; agent: string; from: number; to: number; why: ScaleReason }
  | { type: 'replica.removed'; agent: string; replica: string }
  | { type: 'rollout.started'; agent: string; why: RolloutReason; replicas: number }
  | { type: 'rollout.completed'; agent: string }
  /** The old processes that were not yet replaced go on. */
  | { type: 'rollout.failed'; agent: string; error: AxonError }

/** Told by the system's machine. */
export type SystemFact =
  | { type: 'system.started'; agents: number }
  | { type: 'agent.spawned'; agent: string }
  | { type: 'agent.retired'; agent: string }
  /** It is started when those are ready. */
  | { type: 'agent.waiting'; agent: string; for: readonly string[] }
  /** A child of a supervisor, `agent:…` or `supervisor:…`, had ended by its failure, and was made anew. */
  | { type: 'supervisor.restarted'; supervisor: string; child: string; error: AxonError }
  /** There were more restarts than the supervisor permits: it ends, and its own supervisor judges. Of the root: the system closes. */
  | { type: 'supervisor.exceeded'; supervisor: string; error: AxonError }
  | { type: 'system.closing' }
  | { type: 'system.closed' }
  /** An event that was sent to the system could not be honoured. */
  | { type: 'event.refused'; event: string; error: AxonError }

/** Told by the runs. */
export type RunFact =
  /** `parent`: the run on whose behalf it is. */
  | { type: 'run.accepted'; agent: string; run: string; parent?: string | undefined }
  | { type: 'run.started'; agent: string; run: string; generation: string }
  /** It was let go of; its code ignores the cancellation, and its process is to be replaced. */
  | { type: 'run.abandoned'; agent: string; run: string; generation: string }
  /** `started`: whether the agent's code began in the attempt that came to nothing; only where its agent is idempotent may it have. */
  | {
      type: 'run.requeued'
      agent: string
      run: string
      generation: string
      attempt: number
      started: boolean | undefined
    }
  | {
      type: 'run.settled'
      agent: string
      run: string
      status: 'succeeded' | 'failed' | 'cancelled' | 'timed_out' | 'interrupted'
      started: boolean | undefined
      attempt: number
      durationMs: number
      /** Tokens of a run that succeeded; what went in and what came out, where its agent counts them apart. */
      totalTokens?: number | undefined
      inputTokens?: number | undefined
      outputTokens?: number | undefined
      /** From acceptance to the first event that a streamed run's agent told, in milliseconds. */
      firstEventMs?: number | undefined
      error?: AxonError | undefined
    }

interface ToolCallFact {
  agent: string
  run: string
  generation: string
  /** Names the call within its run; in the run's stream it is the `id` of `tool.call`. */
  id: string
  tool: string
}

/** Told of the tools and approvals that runs ask Node for. Each `tool.called` is followed by `tool.returned` or `tool.failed`. */
export type ToolFact =
  | ({ type: 'tool.called' } & ToolCallFact)
  | ({ type: 'tool.returned'; durationMs: number } & ToolCallFact)
  | ({ type: 'tool.failed'; durationMs: number; error: AxonError } & ToolCallFact)
  /** A person is asked, until `dueAt`, in milliseconds since 1970. The run waits. */
  | ({ type: 'tool.approval'; arguments: unknown; dueAt: number } & ToolCallFact)
  | ({ type: 'tool.approved' } & ToolCallFact)
  | ({ type: 'tool.denied'; why: 'asked' | 'expired'; message: string } & ToolCallFact)

export type Fact = AgentFact | PoolFact | SystemFact | RunFact | ToolFact

const beats: ReadonlySet<string> = new Set(['process.heartbeat', 'process.alive', 'process.replicas'])

/** What a process that is well tells every few seconds: whoever shows what happens leaves it out. */
export function isBeat(type: string): boolean {
  return beats.has(type)
}
