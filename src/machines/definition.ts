/**
 * Owns the parsed form of an agent's definition, every default filled in. The schema that makes it is runtime/config.ts.
 */
import type { AgentLimits } from '../protocol/host.ts'
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

export interface AgentDefinition {
  name: string
  module: string
  model?: string | undefined
  cwd: string
  env: Readonly<Record<string, string>>
  python?: string | undefined
  dependencies?: readonly string[] | undefined
  requirements?: string | undefined
  port?: number | undefined
  start: 'warm' | 'cold'
  preload: readonly string[]
  /** How many processes it has: none is kept at boot where `min` is 0. */
  replicas: { min: number; max: number }
  concurrency: number
  queue: number
  restart: RestartPolicy
  startMs: number
  shutdownMs: number
  /** Without a run for so long it has no process until the next; undefined: it keeps it. */
  idleAfterMs?: number | undefined
  timeouts: RunTimeouts
  limits?: AgentLimits | undefined
  metadata: Readonly<Record<string, unknown>>
}
