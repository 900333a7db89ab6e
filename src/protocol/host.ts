/**
 * Owns the frames between Node and a host: newline-delimited JSON on the host's standard input and output. The same shapes stand
 * in python/src/axon_agent/host.py; docs/protocol.md describes both.
 */
import * as z from 'zod'

/** What one agent may use. Each is for the whole of the agent with all that it starts, but where it says otherwise. */
export interface AgentLimits {
  /** Memory, in MiB. */
  memoryMb?: number | undefined
  /** Open files, for each process. */
  openFiles?: number | undefined
  /** Processes and threads at once. */
  processes?: number | undefined
  /** Processor time, in seconds, for each process. */
  cpuSeconds?: number | undefined
  /** Niceness, from -20 to 19. */
  nice?: number | undefined
  /** With `required`, an agent does not run where the kernel cannot hold one of its limits. */
  enforcement: 'best-effort' | 'required'
}

const limitNames = ['memoryMb', 'openFiles', 'processes', 'cpuSeconds', 'nice'] as const
/** How a limit is held: by the kernel, by the host's watch of the agent's tree, or not at all. */
const achievedLimits = z.partialRecord(z.enum(limitNames), z.enum(['cgroup', 'rlimit', 'nice', 'watch', 'none']))
export type AchievedLimits = z.infer<typeof achievedLimits>

const exceededLimit = z.object({ limit: z.enum(limitNames), value: z.number() })
/** The limit for which a process was ended. */
export type ExceededLimit = z.infer<typeof exceededLimit>

/** What a host tells Node. */
export const hostFrame = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('host.ready'),
    pid: z.int().positive(),
    guard: z.int().positive(),
    python: z.string(),
    preloaded: z.array(z.string()),
    /** Where false, every start is cold; `why` says what stands in the way. */
    canFork: z.boolean(),
    why: z.string().nullable(),
    /** Milliseconds that preloading and warming took. */
    readyMs: z.number(),
  }),
  z.object({
    type: z.literal('spawned'),
    generation: z.string(),
    pid: z.int().positive(),
    /** Clock ticks since boot, from /proc: tells the process from a later one with the same id. */
    startTime: z.string(),
    achieved: achievedLimits.default({}),
  }),
  z.object({
    type: z.literal('spawn.failed'),
    generation: z.string(),
    code: z.enum(['PROCESS_SPAWN_FAILED', 'PROCESS_LIMITS_UNAVAILABLE']).default('PROCESS_SPAWN_FAILED'),
    message: z.string(),
  }),
  z.object({
    type: z.literal('exited'),
    generation: z.string(),
    pid: z.int().positive(),
    code: z.int().nullable(),
    signal: z.string().nullable(),
    /** Peak of resident memory, in bytes. */
    maxRssBytes: z.number(),
    /** Processor time of the process and its reaped children, in milliseconds. */
    cpuMs: z.number(),
    /** It was ended for want of memory: beyond its own limit, or because the machine had none left. */
    oom: z.boolean().default(false),
    exceeded: exceededLimit.nullish(),
  }),
  z.object({ type: z.literal('host.warned'), message: z.string() }),
])
export type HostFrame = z.infer<typeof hostFrame>
export type HostReadyFrame = Extract<HostFrame, { type: 'host.ready' }>

/** `warm` forks the prepared host; `cold` starts a new interpreter. */
export type StartMode = 'warm' | 'cold'

/** The first line that Node writes to a host. */
export interface OpenFrame {
  protocol: number
  type: 'open'
  system: string
  /** On which agents connect back. */
  socket: string
  /** Modules to import before the first fork, beside those of axon_agent and of the framework. */
  preload: readonly string[]
  warm: boolean
}

export interface SpawnFrame {
  type: 'spawn'
  generation: string
  nonce: string
  start: StartMode
  /** The process will be put into a sandbox, and so may have one thread only until then. */
  sandboxed: boolean
  limits?: AgentLimits | undefined
}

/** What Node tells a host. */
export type ToHostFrame =
  | OpenFrame
  | SpawnFrame
  | { type: 'signal'; generation: string; signal: string }
  | { type: 'close' }
