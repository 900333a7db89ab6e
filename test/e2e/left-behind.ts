/** Owns the search for what a system has left behind: processes that carry its mark, and the directory of its sockets. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Axon } from '../../src/index.ts'
import { recordsOf as recordsDirectory } from '../../src/runtime/state/record.ts'

export interface LeftBehind {
  /** Ids of processes that carry the system's mark. */
  processes: string[]
  /** The sockets' directory. */
  directories: string[]
}

/** What is left of a system; nothing of one that was never started. */
export function leftBehind(axon: Axon): LeftBehind {
  const found = identityOf(axon)
  if (found === undefined) return { processes: [], directories: [] }
  const directories = existsSync(found.runtimeDir) ? [found.runtimeDir] : []
  return { processes: processesWith(`AXON_SYSTEM=${found.id}`), directories }
}

/** Ids of the living processes that have this variable in their environment. */
export function processesWith(variable: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(variable)
    } catch {
      return false
    }
  })
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

/** Names of the records of a system in a stateDir. */
export function recordsOf(axon: Axon, stateDir: string): string[] {
  const systems = recordsDirectory(stateDir)
  const id = identityOf(axon)?.id
  return id === undefined || !existsSync(systems) ? [] : readdirSync(systems).filter((name) => name.includes(id))
}

/** Of a system that was started. */
function identityOf(axon: Axon): { id: string; runtimeDir: string } | undefined {
  try {
    return { id: axon.id, runtimeDir: axon.runtimeDir ?? '' }
  } catch {
    return undefined
  }
}
