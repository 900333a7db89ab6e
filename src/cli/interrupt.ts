/**
 * Owns Ctrl-C and SIGTERM: the first asks the command to end, the second ends it at once. Guards then end what Node leaves.
 */
import { exitCodes } from './exit-codes.ts'

export interface Interrupt {
  /** The exit code, once a signal has come. */
  readonly code: number | undefined
  /** Nobody listens any more. */
  off: () => void
}

export function onInterrupt(ask: () => void): Interrupt {
  let code: number | undefined
  const hear = (signal: NodeJS.Signals) => {
    if (code !== undefined) process.exit(code)
    code = signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated
    ask()
  }
  process.on('SIGINT', hear)
  process.on('SIGTERM', hear)
  return {
    get code() {
      return code
    },
    off: () => {
      process.off('SIGINT', hear)
      process.off('SIGTERM', hear)
    },
  }
}
