/**
 * Owns the types of the slots: the actors that a machine names and the runtime fills. Shapes only; nothing here runs.
 */
import type { CallbackActorLogic, PromiseActorLogic } from 'xstate'
import type { AxonError } from '../errors.ts'
import type { AgentEndpoint, AgentFacts, FailedFrame, HeartbeatFrame } from '../protocol/control.ts'
import type { AchievedLimits, ExceededLimit } from '../protocol/host.ts'
import type { RunRequest, RunResponse, RunStreamEvent } from '../protocol/run.ts'
import type { AchievedSandbox } from '../protocol/sandbox.ts'
import type { AgentDefinition, OutputDefinition, RunTimeouts } from './definition.ts'
import type { AgentFact, PoolFact } from './facts.ts'

/** What an agent needs to run: the input of `ensureEnvironment`. */
export interface EnvironmentSpec {
  /** Directory in which project files (`uv.lock`, `pyproject.toml`, …) are looked for. Absolute. */
  cwd: string
  /** An interpreter (name or path), or an existing environment's directory, which is used as it is. */
  python?: string | undefined
  /** Requirements as PEP 508 strings; takes the place of project files. */
  dependencies?: readonly string[] | undefined
  /** A requirements file, relative to `cwd`; takes the place of project files. */
  requirements?: string | undefined
  /** A Python script (`cwd`-relative or absolute) whose PEP 723 block may name dependencies. */
  script?: string | undefined
  /** No package's own code is run to build it: wheels only. Default: false. */
  noBuild?: boolean | undefined
}

/** An environment that is complete and can be launched from. */
export interface Environment {
  /** The environment's interpreter. Absolute. On Ray: the dashboard's address. */
  python: string
  /** The environment's directory. Absolute. On Ray: the dashboard's address. */
  root: string
  /** Content address: interpreter, requirements or lock, axon_agent. */
  fingerprint: string
  /** The interpreter's version, for example `3.12.1`. On Ray: Ray's own. */
  version: string
  installer: 'uv' | 'pip' | 'none'
  /** True where nothing had to be made and no process was started. */
  isWarm: boolean
  /** Milliseconds that the call took. */
  elapsedMs: number
}

/** How far an environment is. `completed` of `total` steps, both from 0, so that a bar can be drawn. */
export interface EnvironmentProgress {
  phase: 'interpreter' | 'installer' | 'lock' | 'create' | 'resolve' | 'install' | 'compile' | 'complete'
  /** For a person: what is being done, for example `Installing 24 packages`. */
  message: string
  completed: number
  total: number
}

/** How and where one process of a replica is to run: the input of `portSpawn`. */
export interface PortInput {
  definition: AgentDefinition
  environment: Environment
  /** Names the process, for example `writer/0#3`. */
  generation: string
}

/** How a process ended. Every `portSpawn` tells exactly one, also where no process could be made. */
export interface ExitRecord {
  generation: string
  /** Undefined where the process could not be made. */
  pid?: number | undefined
  code: number | null
  signal: string | null
  /** What the process said of its own failure before it ended. */
  failure?: FailedFrame | undefined
  /** Why Node ended it, where Node did; `host_lost` where it went with its host. */
  reason?: TerminateReason | 'host_lost' | undefined
  /** Peak of resident memory, in bytes. */
  maxRssBytes?: number | undefined
  /** Processor time, in milliseconds. */
  cpuMs?: number | undefined
  /** It was ended for want of memory: beyond its own limit, or because the machine had none left. */
  oom?: boolean | undefined
  /** The limit for which it was ended. */
  exceeded?: ExceededLimit | undefined
  /** The last lines of its output, oldest first. */
  lastLines: readonly string[]
  /** Set where the record alone does not say it: the process could not be made, or left its control connection. */
  cause?: AxonError | undefined
}

export type TerminateReason = 'stop' | 'start_timeout' | 'hang' | 'protocol'

/** What stands for a process on Ray. */
export interface RayApplication {
  /** As Ray knows it: `axon-writer`. */
  name: string
  /** Its replicas, those that start or end too. */
  replicas: readonly RayReplica[]
}

/** One of Ray's replicas. What is undefined Ray does not tell, or not yet. */
export interface RayReplica {
  id: string
  /** In Ray's words: `STARTING`, `RUNNING`, `STOPPING` … */
  state: string
  /** Of its actor, by which Ray's own tools find it. */
  actor: string | undefined
  /** The address of its node. */
  node: string | undefined
  /** On that node. */
  pid: number | undefined
  /** Resident memory, in bytes. */
  rss: number | undefined
  /** Processor time, in seconds. */
  cpu: number | undefined
  /** Runs that it has, of every system that faces the cluster. */
  inFlight: number | undefined
}

/** What `portSpawn` tells the machine. */
export type PortEvent =
  /** `pid`: undefined where it is a process of another machine. */
  | { type: 'process.spawned'; generation: string; pid?: number | undefined; achieved?: AchievedLimits | undefined }
  | {
      type: 'agent.ready'
      generation: string
      endpoint: AgentEndpoint
      facts: AgentFacts
      sandboxed?: AchievedSandbox | undefined
    }
  | { type: 'process.heartbeat'; generation: string; heartbeat: HeartbeatFrame }
  /** As a heartbeat, of what is an application on Ray: where it is now, and what it consists of. */
  | { type: 'process.alive'; generation: string; endpoint: AgentEndpoint; application: RayApplication }
  | { type: 'process.violated'; generation: string; message: string }
  | { type: 'process.exited'; generation: string; exit: ExitRecord }

/**
 * What `portSpawn` takes: drain lets runs finish; terminate ends the process group, by force after `graceMs`; adjust is a changed
 * definition by which what runs can go on.
 */
export type PortCommand =
  | { type: 'process.drain' }
  | { type: 'process.adjust'; definition: AgentDefinition }
  | { type: 'process.terminate'; reason: TerminateReason; graceMs: number }

/** The actors that `agentMachine` names and the runtime fills. */
export interface AgentSlots {
  ensureEnvironment: PromiseActorLogic<Environment, AgentDefinition>
  portSpawn: CallbackActorLogic<PortCommand, PortInput>
  /** Resolves where the process answers on HTTP. */
  healthProbe: PromiseActorLogic<void, { generation: string }>
}

/** One HTTP call to an agent's process. */
export interface HttpCall {
  generation: string
  run: string
  attempt: number
  /** The request's JSON. */
  body: string
  timeouts: RunTimeouts
  /** What is left of the run's time. */
  deadlineMs: number
  /** W3C trace context and baggage: headers of the request. */
  trace?: { traceparent: string; tracestate?: string | undefined; baggage?: string | undefined } | undefined
  /** Runs of one key prefer one place. */
  affinity?: string | undefined
  /** By which the result is parsed. */
  output?: OutputDefinition | undefined
}

/** What may be asked of runs by events. `run` names the run in every fact that follows. */
export type RunCommand =
  | { type: 'run.start'; agent: string; run: string; request: RunRequest }
  | { type: 'run.cancel'; run: string }
  /** Answers `tool.approval`. */
  | { type: 'run.approve'; run: string; id: string }
  /** The model is told the message. */
  | { type: 'run.deny'; run: string; id: string; message?: string | undefined }

/** What the slot `runs` takes: commands, and the facts of the agents for which runs wait. */
export type RunDispatchEvent =
  | RunCommand
  | AgentFact
  | PoolFact
  | { type: 'agent.retired'; agent: string }
  /** It has stopped, and comes back by itself. */
  | { type: 'agent.replaced'; agent: string; generation: string }

/**
 * The calls that a run makes. Plain functions rather than actors: they are on the hot path, and the run that owns them is an
 * actor already.
 */
export interface RunSlots {
  httpRequest: (call: HttpCall, signal: AbortSignal) => Promise<RunResponse>
  /** Yields the events as they arrive; pulling slowly pauses the process. */
  httpStream: (call: HttpCall, signal: AbortSignal) => AsyncIterable<RunStreamEvent>
}
