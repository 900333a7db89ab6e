/**
 * Owns the parsed form of an agent's definition, every default filled in. The schema that makes it is runtime/config/agents.ts.
 */
import type { AgentLimits } from '../protocol/host.ts'
import type { Permissions, SandboxLevel } from '../protocol/sandbox.ts'
import type { RestartPolicy } from './restart-policy.ts'

export interface RunTimeouts {
  /** Until the connection to the process stands. */
  connectMs: number
  /** From the request until the first byte of the answer. */
  firstByteMs: number
  /** Between two bytes of a stream; Python's keep-alive comments count. */
  idleMs: number
  /** The whole run, queue included. */
  runMs: number
}

export interface ScalingPolicy {
  /** Runs in flight and waiting that one replica is to have; more call for another. */
  target: number
  /** How long there must have been more of them before a replica is added. */
  upDelayMs: number
  /** How long there must have been fewer before one is let go. */
  downDelayMs: number
}

/** How many runs are taken on. */
export interface RatePolicy {
  perSecond: number
  /** How many at once, after a while without any. */
  burst: number
}

/** How many tokens its runs may use. */
export interface UsagePolicy {
  totalTokens: number
  perMs: number
}

/** A tool of Node's, as the agent is told of it. What it does belongs to runtime/tools. */
export interface ToolDefinition {
  description: string
  /** JSON Schema of its arguments, an object. */
  parameters: Readonly<Record<string, unknown>>
}

/** What the results of an agent's runs must be. How that is known belongs to runtime/runs. */
export interface OutputDefinition {
  /** The result as the caller gets it, or what is wrong with it. */
  parse: (result: unknown) => Promise<{ result: unknown } | { fault: string; cause: unknown }>
}

/** An agent as an application of Ray Serve, on the cluster of a dashboard. */
export interface RayPlacement {
  /** Of the dashboard. */
  address: string
  /** Of Ray Serve's HTTP proxy. */
  proxy: string
  /** Ray's own; hidden in JSON. */
  token?: string | undefined
  /** The application is `<applicationPrefix>-<agent>`. */
  applicationPrefix: string
  /** What becomes of the application when the system is closed. */
  onClose: 'delete' | 'keep'
  /** Where the agent's Python packages come from: what the cluster has, or an installation for each application. */
  packages: 'image' | 'pip'
  /** Paths below `cwd` that are not sent to the cluster. */
  exclude: readonly string[]
  /** What one of Ray's replicas is scheduled with. */
  resources: {
    cpus?: number | undefined
    gpus?: number | undefined
    memoryMb?: number | undefined
    custom: Readonly<Record<string, number>>
  }
  /** Whether runs go to the addresses that Ray lists for the application, where they answer, rather than to `proxy`. */
  direct: boolean
  /** Whether Serve's proxy, too, keeps runs of one affinity at one replica. */
  affinity: boolean
}

export interface AgentDefinition {
  name: string
  module: string
  model?: string | undefined
  cwd: string
  env: Readonly<Record<string, string>>
  python?: string | undefined
  dependencies?: readonly string[] | undefined
  requirements?: string | undefined
  /** Wheels only: no package is built at install. */
  noBuild?: boolean | undefined
  port?: number | undefined
  /** Undefined: processes of this machine. */
  placement?: { ray: RayPlacement } | undefined
  start: 'warm' | 'cold'
  preload: readonly string[]
  /** How many processes it has: none is kept at boot where `min` is 0. On Ray: Ray's own replicas. */
  replicas: { min: number; max: number }
  /** When there are to be more or fewer of them. */
  scaling: ScalingPolicy
  /** When a process that is well is replaced all the same. */
  recycle: { afterMs?: number | undefined; afterRuns?: number | undefined; aboveMb?: number | undefined }
  /** `rolling`: the next process is proved ready before the old one drains; `recreate`: the old one ends first. */
  replace: 'rolling' | 'recreate'
  concurrency: number
  queue: number
  /** Its runs may be run more than once: what was interrupted is run again. */
  idempotent: boolean
  /** How often a run may be sent that came to nothing after it had been written. */
  maxAttempts: number
  /** How long the answer to an idempotency key is kept, and of how many keys. */
  idempotency: { keepMs: number; maxKeys: number }
  /** More runs than this are rejected; undefined: none are. */
  rate?: RatePolicy | undefined
  /** Runs are rejected while this much has been used; undefined: none are. */
  usage?: UsagePolicy | undefined
  restart: RestartPolicy
  startMs: number
  shutdownMs: number
  /** How long a run's code may go on after it was cancelled; beyond that its process is replaced. */
  cancelGraceMs: number
  /** Without a run for so long it has no process until the next; undefined: it keeps it. */
  idleAfterMs?: number | undefined
  timeouts: RunTimeouts
  limits?: AgentLimits | undefined
  sandbox: SandboxLevel
  /** Undefined where it is in no sandbox. */
  permissions?: Permissions | undefined
  /** By name. As JSON they are what the process is told of them: another function in one calls for no other process. */
  tools?: Readonly<Record<string, ToolDefinition>> | undefined
  /** Undefined: results are taken as they are. */
  output?: OutputDefinition | undefined
  /** How long a person has to approve a tool call. */
  approvalMs: number
  /** Groups of `axon.groups` that it is a member of while it is in the system. */
  groups: readonly string[]
  /** Agents that are ready before it is started, and stopped after it has. */
  after: readonly string[]
  /** `escalate`: what the restart policy gives up on is an exit, for the supervisor above to judge. */
  onFailed: 'stay' | 'escalate'
  metadata: Readonly<Record<string, unknown>>
}
