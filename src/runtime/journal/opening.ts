/**
 * Owns the file of the journal: that it is private, that one living system has it, and where a corrupt one goes. What is in it
 * is database.ts.
 *
 * The lock is SQLite's own, which the kernel takes back from the dead. The file `…-owner` only says whose it is.
 */
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isAlive, ownerName, parseOwnerName, thisOwner } from '../process/owner.ts'
import { isBusy, isCorrupt, JournalDatabase } from './database.ts'
import type { JournalFault, JournalThreadData } from './messages.ts'

export interface Opened {
  database: JournalDatabase
  /** Where a corrupt file has gone, and what was wrong with it. */
  moved: { movedTo: string; message: string } | undefined
}

/** @param base that of an earlier opening, where there was one */
export function openJournal(data: JournalThreadData, base?: number): Opened | JournalFault {
  const { path, mode } = data
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    return { database: openPrivate(data, base), moved: undefined }
  } catch (error) {
    if (isBusy(error)) return ownedFault(path) ?? faultOf(path, error)
    if (mode === 'required' || !isCorrupt(error)) return faultOf(path, error)
    return openAnew(data, messageOf(error), base)
  }
}

/** What the file was kept from, for a person. */
export function faultOf(path: string, error: unknown): JournalFault {
  const what = isCorrupt(error) ? 'is damaged' : 'cannot be used'
  const advice = isCorrupt(error)
    ? 'Close the system, move the file aside or bring back a copy of it, then start again.'
    : 'See that there is room on its disk, and that this user may write there.'
  return { kind: 'unavailable', message: `The journal ${path} ${what}: ${messageOf(error)}. ${advice}` }
}

/** Nobody has the file any more. Never fails. */
export function disown(path: string): void {
  try {
    rmSync(ownerPath(path), { force: true })
  } catch {
    // It names somebody who is dead, then.
  }
}

function openAnew(data: JournalThreadData, message: string, base?: number): Opened | JournalFault {
  const { path } = data
  const movedTo = `${path}.corrupt-${new Date().toISOString().replaceAll(':', '')}`
  try {
    renameSync(path, movedTo)
    for (const suffix of ['-wal', '-shm']) move(`${path}${suffix}`, `${movedTo}${suffix}`)
    return { database: openPrivate(data, base), moved: { movedTo, message } }
  } catch (error) {
    return faultOf(path, error)
  }
}

function openPrivate(data: JournalThreadData, base?: number): JournalDatabase {
  create(data.path)
  const database = new JournalDatabase(data.path, base)
  own(data)
  return database
}

/**
 * Requests and answers are nobody else's: SQLite gives its other files the same mode. A file that is there is not even opened: the
 * kernel's locks on it are the whole process's, and whoever closes it gives them up for another system in this Node.
 */
function create(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function own({ path, system }: JournalThreadData): void {
  try {
    writeFileSync(ownerPath(path), `${ownerName(thisOwner())} ${system}\n`, { mode: 0o600 })
  } catch {
    // Whoever finds the file locked is not told by whom.
  }
}

/** Undefined where it was locked by somebody who is no system. */
function ownedFault(path: string): JournalFault | undefined {
  try {
    const [name = '', system = ''] = readFileSync(ownerPath(path), 'utf8').trim().split(' ')
    const owner = parseOwnerName(name)
    if (owner === undefined || (owner.machine === thisOwner().machine && !isAlive(owner, 0))) return undefined
    const message = `The journal ${path} is in use by the system ${system} in process ${owner.pid}. Close that one first, or give each system a journal of its own.`
    return { kind: 'in_use', message, pid: owner.pid }
  } catch {
    return undefined
  }
}

function ownerPath(path: string): string {
  return `${path}-owner`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
