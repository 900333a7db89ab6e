/**
 * Owns the sweep at boot: what systems left that were killed together with their guards, found by their records. Any number of
 * systems may sweep the same directory at once.
 *
 * 1. Nothing of a living system is touched, nor of another machine or container, whose processes cannot be seen from here.
 * 2. The record goes last: a sweep that is itself killed is done again.
 */
import { unlinkSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { removeRuntimeDir } from '../directories.ts'
import { statOf } from '../process/identity.ts'
import { sweepMarked } from '../process/marked.ts'
import { isAlive, thisOwner } from '../process/owner.ts'
import { parseRecordName, type RecordName, readRecord, recordsOf } from './record.ts'

export interface Swept {
  /** The id of the dead system. */
  system: string
  /** Its Node's. */
  pid: number
  /** How many processes of it were ended. */
  processes: number
  /** Directories that were removed. */
  directories: string[]
  /** Whether the record could be read; where not, no directory could be removed. */
  isReadable: boolean
}

/** How long guards that still live may take to do their own work, which is more than can be done from here. */
const guardMs = 2_000
const pollMs = 5
/** Whether what was written elsewhere is still of use cannot be known; after a week the file goes, and nothing else. */
const foreignAgeMs = 7 * 24 * 60 * 60_000

/** Sweeps what dead systems left, and tells of each. Never rejects: it is housekeeping. */
export async function sweepDead(stateDir: string, tell: (swept: Swept) => void): Promise<void> {
  const directory = recordsOf(stateDir)
  const names = await readdir(directory).catch(() => [])
  await Promise.all(names.map((name) => sweepOne(join(directory, name), parseRecordName(name), tell)))
}

async function sweepOne(path: string, name: RecordName | undefined, tell: (swept: Swept) => void): Promise<void> {
  if (name === undefined) return
  const { owner, id, isDraft } = name
  if (owner.machine !== thisOwner().machine) {
    const touchedMs = await lstat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Number.POSITIVE_INFINITY,
    )
    if (Date.now() - touchedMs > foreignAgeMs) remove(path)
    return
  }
  if (isAlive(owner, 0)) return
  // The record itself stands beside a draft, or nothing had been made yet.
  if (isDraft) return void remove(path)
  const record = readRecord(path, id)
  for (const { pid, startTime } of record?.hosts ?? []) await guardEnded(pid, startTime)
  const processes = await sweepMarked(`AXON_SYSTEM=${id}`)
  const directories = (record?.runtimeDirs ?? []).filter(removed)
  // Of several who sweep it, one tells.
  if (remove(path)) tell({ system: id, pid: owner.pid, processes, directories, isReadable: record !== undefined })
}

async function guardEnded(pid: number, startTime: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < guardMs; waitedMs += pollMs) {
    const stat = statOf(pid)
    if (stat === undefined || stat.startTime !== startTime || stat.state === 'Z' || stat.state === 'X') return
    await setTimeout(pollMs)
  }
}

function removed(path: string): boolean {
  try {
    return removeRuntimeDir(path)
  } catch {
    return false
  }
}

function remove(path: string): boolean {
  try {
    unlinkSync(path)
    return true
  } catch {
    return false
  }
}
