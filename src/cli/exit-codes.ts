/**
 * Owns what the exit code of a command means: one table, which docs/cli.md has too.
 */
import type { ErrorCode } from '../errors.ts'

export const exitCodes = {
  done: 0,
  /** The run came to nothing: the agent raised, or the run was interrupted, rejected or too slow; a check found something. */
  failed: 1,
  /** The command line, the configuration or the request is wrong. */
  usage: 2,
  /** The Python environment could not be made. */
  environment: 3,
  /** The agent could not be started. */
  start: 4,
  /** The running system that a command asks for is not there. */
  system: 5,
  /** A fault of Axon's own. */
  internal: 70,
  /** SIGHUP: the terminal was closed. */
  hungUp: 129,
  /** Ctrl-C. */
  interrupted: 130,
  /** SIGTERM. */
  terminated: 143,
} as const

/** The first that a code begins with decides. */
const byPrefix: readonly (readonly [string, number])[] = [
  ['CONFIG_', exitCodes.usage],
  ['RUN_REQUEST_INVALID', exitCodes.usage],
  ['AGENT_UNKNOWN', exitCodes.usage],
  ['ENV_', exitCodes.environment],
  ['AGENT_RAISED', exitCodes.failed],
  ['RUN_', exitCodes.failed],
  ['AGENT_', exitCodes.start],
  ['PROCESS_', exitCodes.start],
  ['PROTOCOL_', exitCodes.start],
  ['PORT_', exitCodes.start],
  ['SYSTEM_', exitCodes.system],
  ['JOURNAL_', exitCodes.start],
]

export function exitCodeOf(code: ErrorCode): number {
  return byPrefix.find(([prefix]) => code.startsWith(prefix))?.[1] ?? exitCodes.internal
}
