/**
 * Owns the words between a system and its live page, subprotocol `axon.live.1`: arrays of these frames, as JSON. A recording is the
 * same frames, one a line, so that the page has one way in. Types only: both ends import them.
 *
 * 1. The three XState frames and those of the crash and the run are the history: they carry `seq`, whole numbers without a gap.
 * 2. Everything is safe to show: secrets were taken out and long values cut where the frame was made.
 * 3. An unknown frame or state is shown by its name, and is never fatal.
 */

import type { AckFrame, Command } from './commands.ts'
import type { MachineFrame } from './machine-shape.ts'

export type { AckFrame, AuthMessage, Command } from './commands.ts'
export { closeCodes } from './commands.ts'
export type { ChartEdge, ChartNode, MachineFrame } from './machine-shape.ts'

export const liveProtocol = 'axon.live.1'

export type ActorKind = 'system' | 'supervisor' | 'agent' | 'replica' | 'run' | 'host' | 'gateway' | 'other'
export type LiveRole = 'read' | 'operate'

/** A place in the history. `at` is in milliseconds since 1970, to three decimals. */
interface Recorded {
  seq: number
  at: number
}

/**
 * The first frame of a connection, and of a recording. A keyframe of the present, at its `seq`, comes next; then what happens. What
 * came before is asked for (`history`): its frames have numbers up to this `seq`, come in their order, and end with the `ack`.
 */
export interface HelloFrame {
  type: 'hello'
  protocol: typeof liveProtocol
  system: { id: string; name: string; pid: number; startedAt: number; version: string }
  /** The server's clock, in milliseconds since 1970. */
  now: number
  /** The newest event, and the oldest that is kept. */
  seq: number
  oldestSeq: number
  role: LiveRole
  /** What this server can do for this page: the types of the commands that it takes. */
  caps: readonly Command['type'][]
  retention: { events: number; bytes: number }
}

/** An actor came to be, or is told to a page that has just come. */
export interface ActorFrame extends Recorded {
  type: '@xstate.actor'
  sessionId: string
  rootId: string
  /** Of the actor in its parent: `support/0`. */
  name: string
  parentId: string | undefined
  /** Of its MachineFrame; undefined where it is no state machine. */
  machine?: string
  kind: ActorKind
  agent?: string
  replica?: string
  run?: string
  /** Of a supervisor: `one_for_one`. */
  strategy?: string
  /** Its place among its siblings; the order never changes. */
  order: number
  snapshot: SnapshotView
  /** How often each state was entered, and for how long, in milliseconds, before the visit that goes on; by id of the node. */
  visits?: Readonly<Record<string, { count: number; totalMs: number }>>
}

/** An event reached an actor. */
export interface EventFrame extends Recorded {
  type: '@xstate.event'
  sessionId: string
  sourceId: string | undefined
  /** `type` and what it carries, cut and redacted. */
  event: { type: string } & Record<string, unknown>
  run?: string
  generation?: string
  /** Whether it led to a transition, or to an action. */
  taken: boolean
  /** So many equal ones in a row, folded: text deltas. Default 1. */
  count?: number
}

/** An actor is in a state after an event. */
export interface SnapshotFrame extends Recorded {
  type: '@xstate.snapshot'
  sessionId: string
  snapshot: SnapshotView
  event: { type: string }
  /** Ids of the edges that were taken. */
  edges: readonly string[]
}

export interface SnapshotView {
  status: 'active' | 'done' | 'error' | 'stopped'
  /** As XState has it: `ready`, or nested. Undefined where the actor has no states. */
  value: unknown
  /** Events that the page may send: a closed list for each kind of actor. */
  next: readonly { event: string; allowed: boolean; why?: string }[]
  /** When its state was entered, in milliseconds since 1970. */
  since: number
  /** When its running `after` leads on, in milliseconds since 1970. */
  dueAt?: number
  /** What it failed by, in one sentence. */
  error?: string
}

/** What an actor remembers: told when a page begins to watch it, and after each change. Not part of the history. */
export interface ContextFrame {
  type: 'context'
  sessionId: string
  at: number
  context: unknown
  output?: unknown
}

/** The actor has ended and is out of the tree. */
export interface ActorGoneFrame extends Recorded {
  type: 'actor.gone'
  sessionId: string
  reason: string
}

/** The process of a replica, or of a host. */
export interface ProcessFrame extends Recorded {
  type: 'process'
  sessionId: string
  generation: string
  /** Undefined: it has none now, or is on Ray. */
  pid: number | undefined
  /** On Ray, while it has one: the application, empty before that is known. */
  application?: string
  startTime?: number
  /** Its name, as people write it: `py3.12·9f31c2`. */
  environment?: string
  host?: string
  placement?: string
  limits?: { asked: Record<string, unknown>; achieved: Record<string, unknown> | undefined }
  restarts: number
}

/** Every 2 s, in columns. `cpu` is in cores, memory in bytes. */
export interface BeatsFrame {
  type: 'beats'
  at: number
  sessionId: readonly string[]
  rssBytes: readonly (number | null)[]
  cpu: readonly (number | null)[]
  loopLagMs: readonly (number | null)[]
  inFlight: readonly number[]
}

/** Every second, of an agent, or of all (`agent: null`). What cannot be said is null, never 0. Windows: 60 s, restarts 10 min. */
export interface FiguresFrame {
  type: 'figures'
  at: number
  agent: string | null
  runsPerSecond: number
  p50Ms: number | null
  /** Null below 20 samples. */
  p99Ms: number | null
  samples: number
  errorRatio: number | null
  queued: number
  inFlight: number
  restarts: number
  inputTokensPerSecond: number | null
  outputTokensPerSecond: number | null
}

/** A line of a process. Watched actors only; `n` counts the lines of the actor without a gap. */
export interface LogFrame {
  type: 'log'
  at: number
  sessionId: string
  generation: string
  n: number
  stream: 'out' | 'err' | 'axon'
  level?: string
  text: string
  /** So many lines before it were dropped. */
  dropped?: number
}

export interface CrashFrame extends Recorded {
  type: 'crash'
  sessionId: string
  generation: string
  class: string
  code: number | null
  signal: string | null
  phase?: string
  /** One sentence: what happened and what to try. */
  message: string
  pid?: number
  livedMs?: number
  maxRssBytes?: number
  cpuMs?: number
  /** `atMs`: before the end, so 0 or less; null where it is not known. */
  lines: readonly { atMs: number | null; stream: 'out' | 'err' | 'axon'; text: string }[]
  traceback?: string
  runs: readonly { run: string; started: boolean | undefined; retried: boolean }[]
  next: { kind: 'restart' | 'failed' | 'none'; dueAt?: number; used: number; maxRestarts: number; withinMs: number }
}

export type RunStatus =
  | 'accepted'
  | 'queued'
  | 'assigned'
  | 'written'
  | 'started'
  | 'streaming'
  | 'waiting'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'timed_out'
  | 'interrupted'

/** A run as it is now. */
export interface RunFrame extends Recorded {
  type: 'run'
  run: string
  agent: string
  /** Of the replica that it was sent to. */
  sessionId?: string
  generation?: string
  status: RunStatus
  attempt: number
  started: boolean | undefined
  /** From its acceptance on, in milliseconds; without `toMs` it goes on. */
  phases: readonly { name: 'waiting' | 'model' | 'text' | 'tools' | 'approval'; fromMs: number; toMs?: number }[]
  durationMs?: number
  usage?: { totalTokens?: number; inputTokens?: number; outputTokens?: number }
  error?: { code: string; message: string; retryable: boolean }
}

/** An event of a run that is watched, as `run_stream` tells it, and the tool calls that wait for a person. */
export interface StreamFrame {
  type: 'stream'
  at: number
  run: string
  id: number
  event: string
  data: unknown
}

/** What was not kept, or not sent because this page was slow. */
export interface GapFrame {
  type: 'gap'
  fromSeq: number
  toSeq: number
  count: number
}

/** The state at `seq`: the actors, processes, crashes, runs and figures as frames, after which history goes on. */
export interface KeyframeFrame extends Recorded {
  type: 'keyframe'
  frames: readonly LiveFrame[]
}

/** The system has stopped; nothing more will come. */
export interface ClosedFrame {
  type: 'closed'
  at: number
}

export type HistoryFrame =
  | ActorFrame
  | EventFrame
  | SnapshotFrame
  | ActorGoneFrame
  | ProcessFrame
  | CrashFrame
  | RunFrame
export type LiveFrame =
  | HistoryFrame
  | HelloFrame
  | MachineFrame
  | BeatsFrame
  | FiguresFrame
  | LogFrame
  | ContextFrame
  | StreamFrame
  | GapFrame
  | KeyframeFrame
  | AckFrame
  | ClosedFrame
