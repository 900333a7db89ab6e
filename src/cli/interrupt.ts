/**
 * Owns the signals that a command hears: Ctrl-C, SIGTERM and a hangup ask it to end, a second Ctrl-C or SIGTERM ends it at once.
 * Guards then end what Node leaves.
 */
import { closeSync, openSync } from 'node:fs'
import { exitCodes } from './exit-codes.ts'

export interface Interrupt {
  /** The exit code, once a signal has come. */
  readonly code: number | undefined
  /** Nobody listens any more. */
  off: () => void
}

const codes = {
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
  SIGHUP: exitCodes.hungUp,
} as const

/** @param reload what SIGHUP means where it does not come of a terminal that is closed. Default: it is a hangup in any case. */
export function onInterrupt(ask: () => void, reload?: () => void): Interrupt {
  const hadTerminal = hasTerminal()
  let code: number | undefined
  const hear = (signal: NodeJS.Signals) => {
    const isHangup = signal === 'SIGHUP'
    if (isHangup && reload && !(hadTerminal && !hasTerminal())) return reload()
    // The kernel and the shell both tell of one hangup.
    if (code !== undefined && isHangup) return
    if (code !== undefined) process.exit(code)
    code = codes[signal as keyof typeof codes]
    ask()
  }
  const signals = Object.keys(codes) as (keyof typeof codes)[]
  for (const signal of signals) process.on(signal, hear)
  return {
    get code() {
      return code
    },
    off: () => {
      for (const signal of signals) process.off(signal, hear)
    },
  }
}

/** Whether the terminal that this process was started from, if any, is still there. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
