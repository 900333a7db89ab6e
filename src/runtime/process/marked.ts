/**
 * Owns the search for processes by the mark in their environment, for the cases in which nobody else can find them: the guard
 * that kept them was itself killed, or belonged to a system that is dead.
 *
 * A process is signalled only where it is proved to be meant: the mark stands in its environment, and its start time was the same
 * before that was read and immediately before the signal. Never this process itself.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { startTimeOf } from './identity.ts'

const emptyScans = 3
/** The kernel's time, not the runtime's: nobody tells when a process that is no child has ended. */
const betweenScansMs = 5
const maxScans = 400

/**
 * Ends every process that carries `mark` (`NAME=value`), until three scans in a row find none, and says how many there were.
 * Linux only; elsewhere nothing.
 */
export async function sweepMarked(mark: string): Promise<number> {
  const ended = new Set<number>()
  let empty = 0
  for (let scans = 0; empty < emptyScans && scans < maxScans; scans += 1) {
    const found = findMarked(mark).filter(({ pid }) => pid !== process.pid)
    for (const { pid, startTime } of found) if (kill(pid, startTime)) ended.add(pid)
    empty = found.length === 0 ? empty + 1 : 0
    // A process that is just being executed shows no environment.
    if (empty < emptyScans) await setTimeout(betweenScansMs)
  }
  return ended.size
}

export interface Marked {
  pid: number
  startTime: string
}

/** The processes whose environment, as it was when they were executed, holds `mark`. Zombies have none. */
export function findMarked(mark: string): Marked[] {
  let names: string[]
  try {
    names = readdirSync('/proc')
  } catch {
    return []
  }
  return names.flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    const pid = Number(name)
    const startTime = startTimeOf(pid)
    return startTime !== undefined && isMarked(pid, mark) ? [{ pid, startTime }] : []
  })
}

function isMarked(pid: number, mark: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${mark}\0`)
  } catch {
    return false
  }
}

function kill(pid: number, startTime: string): boolean {
  try {
    return startTimeOf(pid) === startTime && process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
    return false
  }
}
