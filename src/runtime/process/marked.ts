/**
 * Owns the search for processes by the mark in their environment, for the one case in which nobody else can find them: the guard
 * that kept them was itself killed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

const emptyScans = 3
/** The kernel's time, not the runtime's: nobody tells when a process that is no child has ended. */
const betweenScansMs = 5
const maxScans = 400

/** Ends every process that carries `mark` (`NAME=value`), until three scans in a row find none. Linux only; elsewhere nothing. */
export async function sweepMarked(mark: string): Promise<void> {
  let empty = 0
  for (let scans = 0; empty < emptyScans && scans < maxScans; scans += 1) {
    const pids = findMarked(mark)
    for (const pid of pids) kill(pid)
    empty = pids.length === 0 ? empty + 1 : 0
    if (pids.length > 0) await setTimeout(betweenScansMs)
  }
}

/** The processes whose environment, as it was when they were executed, holds `mark`. Zombies have none. */
export function findMarked(mark: string): number[] {
  let names: string[]
  try {
    names = readdirSync('/proc')
  } catch {
    return []
  }
  return names.filter((name) => /^\d+$/.test(name) && isMarked(name, mark)).map(Number)
}

function isMarked(pid: string, mark: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${mark}\0`)
  } catch {
    return false
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}
