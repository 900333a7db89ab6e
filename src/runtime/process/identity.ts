/**
 * Owns what /proc says of a process id: whether it still names the process that was started, since ids are used again and start
 * times are not.
 */
import { readFileSync } from 'node:fs'

export interface ProcessStat {
  /** One letter; `Z` and `X` have ended and are not reaped. */
  state: string
  /** Clock ticks since boot at which the process started. */
  startTime: string
}

/** Undefined where there is no such process, or no /proc. */
export function statOf(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name, in parentheses, may hold blanks and parentheses of its own.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] as string, startTime: fields[19] as string }
  } catch {
    return undefined
  }
}

/** Also of a process that has ended and is not reaped: it still has its id, and so its group. */
export function startTimeOf(pid: number): string | undefined {
  return statOf(pid)?.startTime
}
