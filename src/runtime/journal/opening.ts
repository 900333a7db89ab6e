/**
 * Owns the files of the journal: that they are private, that one living system has them, and where corrupt ones go. What is in
 * them is database.ts and log-format.ts.
 *
 * The lock is SQLite's own, which the kernel takes back from the dead. The file `…-owner` only says whose it is.
 */
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isAlive, ownerName, parseOwnerName, thisOwner } from '../process/owner.ts'
import { JournalDatabase } from './database.ts'
import { faultOf, isBusy, isCorrupt, messageOf } from './faults.ts'
import { segmentPath, segmentsOf } from './log-format.ts'
import { LogReader } from './log-reader.ts'
import type { JournalFault, JournalThreadData } from './messages.ts'

export interface Opened {
  database: JournalDatabase
  log: LogReader
  /** Where a corrupt file has gone, and what was wrong with it. */
  moved: { movedTo: string; message: string } | undefined
}

/** Opens what is there, with all that is in the log put into the database. */
export function openJournal(data: JournalThreadData): Opened | JournalFault {
  const { path, mode } = data
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    return { ...openPrivate(data), moved: undefined }
  } catch (error) {
    if (isBusy(error)) return ownedFault(path) ?? faultOf(path, error)
    if (mode === 'required' || !isCorrupt(error)) return faultOf(path, error)
    return openAnew(data, messageOf(error))
  }
}

/** Puts what is in the log into the database. @throws Error of SQLite or of the file system */
export function apply({ database, log }: Omit<Opened, 'moved'>): void {
  for (let part = log.read(); part; part = log.read()) {
    if (part.writes.length > 0) database.write(part.writes, part.base)
    log.drop(part)
  }
}

/** Nobody has the file any more. Never fails. */
export function disown(path: string): void {
  try {
    rmSync(ownerPath(path), { force: true })
  } catch {
    // It names somebody who is dead, then.
  }
}

function openAnew(data: JournalThreadData, message: string): Opened | JournalFault {
  const { path } = data
  const movedTo = `${path}.corrupt-${new Date().toISOString().replaceAll(':', '')}`
  try {
    renameSync(path, movedTo)
    for (const suffix of ['-wal', '-shm']) move(`${path}${suffix}`, `${movedTo}${suffix}`)
    for (const segment of segmentsOf(path)) move(segmentPath(path, segment), segmentPath(movedTo, segment))
    return { ...openPrivate(data), moved: { movedTo, message } }
  } catch (error) {
    return faultOf(path, error)
  }
}

function openPrivate(data: JournalThreadData): Omit<Opened, 'moved'> {
  create(data.path)
  const database = new JournalDatabase(data.path)
  try {
    const opened = { database, log: new LogReader(data.path) }
    apply(opened)
    own(data)
    return opened
  } catch (error) {
    database.close()
    throw error
  }
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
