/**
 * Owns the question whether a process id still names the process that was started: ids are used again, start times are not.
 */
import { readFileSync } from 'node:fs'

/**
 * Clock ticks since boot at which the process started, or undefined where it is gone, or /proc is not there. A process that has
 * ended and is not reaped still has its id, and so its group.
 */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name, in parentheses, may hold blanks and parentheses of its own.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[19]
  } catch {
    return undefined
  }
}
