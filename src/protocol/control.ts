/**
 * Owns the frames between Node and an agent's process: newline-delimited JSON on the system's Unix socket.
 * The same shapes stand in python/src/axon_agent/protocol.py; docs/protocol.md describes both.
 */
import * as z from 'zod'
import { achievedSandbox, type SandboxOrder } from './sandbox.ts'

/** Raised when either side changes a frame so that the other cannot read it. */
export const protocolVersion = 1

/** The longest frame, newline included. A longer one is a `protocol` crash. */
export const maxFrameBytes = 1024 * 1024

/** Names one process of one replica, for example `writer/0#3`. */
export const generationId = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}\/\d+#\d+$/)

export const streams = ['control', 'stdout', 'stderr'] as const

/** The first frame of each of the three connections. */
export const helloFrame = z.object({
  type: z.literal('hello'),
  protocol: z.int(),
  generation: generationId,
  pid: z.int().positive(),
  nonce: z.string().regex(/^[0-9a-f]{64}$/),
  stream: z.enum(streams),
})
export type HelloFrame = z.infer<typeof helloFrame>

/** Where an agent's process serves HTTP. */
export const endpoint = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('unix'), path: z.string() }),
  z.object({ kind: z.literal('tcp'), host: z.literal('127.0.0.1'), port: z.int().min(0).max(65535) }),
])
export type Endpoint = z.infer<typeof endpoint>

/** Where an agent is reached: its process on this machine, or what stands for it on another. */
export type AgentEndpoint = Endpoint | { kind: 'url'; url: string }

/** What the process found in the user's module. */
export const agentFacts = z.object({
  name: z.string(),
  framework: z.string(),
  python: z.string(),
  axonAgent: z.string(),
})
export type AgentFacts = z.infer<typeof agentFacts>

/** Names one question of an attempt's code. */
const question = { run: z.string(), attempt: z.int().positive(), id: z.string() }
/** `arguments` come from a model: they are checked by the tool. */
const asked = { ...question, tool: z.string(), arguments: z.unknown() }
/** W3C's: the span in which the process asks. */
const traceparent = z.string().max(200).optional()

export const failurePhases = ['launch', 'import', 'bind', 'serve'] as const

/** What an agent's process tells Node after its hello. */
export const agentFrame = z.discriminatedUnion('type', [
  /** Once, before anything of its agent's has run, where the launch ordered a sandbox. */
  z.object({ type: z.literal('sandboxed'), achieved: achievedSandbox }),
  z.object({ type: z.literal('ready'), endpoint, agent: agentFacts }),
  z.object({
    type: z.literal('heartbeat'),
    /** Resident memory in bytes. */
    rss: z.number().nonnegative(),
    /** Its proportional share of memory, in bytes: what it shares with others is divided by their number. Linux only; as of up to 10 s ago. */
    pss: z.number().nonnegative().nullish(),
    /** Open descriptors: files, sockets, pipes. */
    openFiles: z.int().nonnegative().nullish(),
    /** It has had no descriptor left for two heartbeats, so that it takes few connections or none. */
    isOutOfFiles: z.boolean().optional(),
    /** Processor time used so far, in seconds. */
    cpu: z.number().nonnegative(),
    /** How late the event loop runs, in milliseconds. */
    loopLagMs: z.number().nonnegative(),
    inFlight: z.int().nonnegative(),
  }),
  z.object({ type: z.literal('started'), run: z.string() }),
  /** The attempt's code has ended; after `cancel` and `revoke` also: it is not here. */
  z.object({ type: z.literal('settled'), run: z.string(), attempt: z.int().positive() }),
  /** The answer to `revoke`. `isKnown: false` is a promise: it does not run and will not begin; what has ended has its receipt. */
  z.object({ type: z.literal('revoked'), run: z.string(), attempt: z.int().positive(), isKnown: z.boolean() }),
  /** Calls a tool that Node has; answered by `tool.returned`. */
  z.object({ type: z.literal('tool.invoke'), ...asked, traceparent }),
  /** Asks a person whether the process may call a tool of its own; answered by `tool.approved`. */
  z.object({ type: z.literal('tool.approval'), ...asked }),
  /** Takes either back: nobody waits for the answer. */
  z.object({ type: z.literal('tool.cancel'), ...question }),
  z.object({
    type: z.literal('failed'),
    phase: z.enum(failurePhases),
    code: z.string(),
    kind: z.string(),
    message: z.string(),
    traceback: z.string(),
  }),
])
export type AgentFrame = z.infer<typeof agentFrame>
export type HeartbeatFrame = Extract<AgentFrame, { type: 'heartbeat' }>
export type RevokedFrame = Extract<AgentFrame, { type: 'revoked' }>
export type InvokeFrame = Extract<AgentFrame, { type: 'tool.invoke' }>
export type ApprovalFrame = Extract<AgentFrame, { type: 'tool.approval' }>
export type ToolFrame = InvokeFrame | ApprovalFrame | Extract<AgentFrame, { type: 'tool.cancel' }>
export type FailedFrame = Extract<AgentFrame, { type: 'failed' }>

/** The first thing Node says on the control connection. */
export interface LaunchFrame {
  type: 'launch'
  /** Bearer token of this process, asked for on every HTTP request. */
  token: string
  agent: string
  module: string
  model: string | null
  cwd: string
  endpoint: Endpoint
  shutdownMs: number
  heartbeatMs: number
  /** The process puts itself into it before it loads the module. */
  sandbox?: SandboxOrder | undefined
  /** Those that Node has for it. `parameters` is a JSON Schema. */
  tools?: readonly { name: string; description: string; parameters: Readonly<Record<string, unknown>> }[]
}

/** Names the question that is answered. */
interface Question {
  run: string
  attempt: number
  id: string
}

/**
 * The first and only thing Node says on the connection of standard output: the agent's whole environment. It goes past the
 * host, from which other agents are forked.
 */
export interface EnvironmentFrame {
  type: 'environment'
  variables: Record<string, string>
}

/** What Node tells an agent's process on the control connection. */
export type NodeFrame =
  | LaunchFrame
  /** Lets go of an attempt and those before it; answered by `settled`. `started`: the process had it; else it may still come, and is refused then. */
  | { type: 'cancel'; run: string; attempt: number; started?: true }
  /** As `cancel`, of an attempt whose connection broke; `revoked` says besides whether the process had it. */
  | { type: 'revoke'; run: string; attempt: number }
  | { type: 'drain' }
  /** A person is asked, until `dueAt`, in milliseconds since 1970. Of `tool.invoke` too. */
  | ({ type: 'tool.pending'; dueAt: number } & Question)
  /** `code` is one of docs/errors.md; `kind` the name of what the tool threw. */
  | ({ type: 'tool.returned' } & Question &
      ({ result: unknown } | { error: { code: string; message: string; kind?: string | undefined } }))
  /** Where the question could not be put to anybody, it is answered by `error`. */
  | ({ type: 'tool.approved' } & Question &
      ({ approved: boolean; message: string } | { error: { code: string; message: string } }))
