/**
 * The journal's thread: opens the database, puts into it what is in the log, looks up, and cleans in between.
 *
 * 1. What is in the log when something is looked up is in the database before.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { JournalDatabase } from './database.ts'
import { faultOf, isCorrupt } from './faults.ts'
import type { FromJournal, JournalFault, JournalThreadData, ToJournal } from './messages.ts'
import { apply, disown, type Opened, openJournal } from './opening.ts'

const data = workerData as JournalThreadData
/** How long the log grows before it is read: what a transaction costs is shared by what comes in that time. */
const gatherMs = 20
/** What could not be opened is not tried again for so long. */
const reopenMs = 1_000
/** Runs that are looked at for cleaning in one go: some milliseconds. */
const cleanedAtOnce = 500
const cleanEveryMs = Math.min(60_000, Math.max(1_000, data.keepMs / 10))

let opened: Opened | undefined
let base: number | undefined
let fault: JournalFault | undefined
let triedAt = Number.NEGATIVE_INFINITY

parentPort?.on('message', (message: ToJournal) => {
  switch (message.type) {
    case 'open':
      return open()
    case 'grown':
      return void setTimeout(follow, gatherMs)
    case 'find':
      return read(message.id, (database) => ({ type: 'found', id: message.id, taken: database.taken(message.runs) }))
    case 'keyed': {
      const { id, agent, key } = message
      return read(id, (database) => ({ type: 'rows', id, rows: database.keyed(agent, key) }))
    }
    case 'get':
      return read(message.id, (database) => ({ type: 'rows', id: message.id, rows: database.get(message.run) }))
    case 'list':
      return read(message.id, (database) => ({ type: 'rows', id: message.id, rows: database.list(message.filter) }))
    case 'events': {
      const { id, run, after, limit } = message
      return read(id, (database) => ({ type: 'told', id, events: database.events(run, after, limit) }))
    }
    case 'close':
      return close()
  }
})
const cleaning = setInterval(clean, cleanEveryMs)

function tell(message: FromJournal): void {
  parentPort?.postMessage(message)
}

function open(): void {
  try {
    if (opened) apply(opened)
  } catch (error) {
    return tell({ type: 'unopened', fault: fail(error) })
  }
  if (opened === undefined) {
    if (fault && (fault.kind === 'in_use' || performance.now() - triedAt < reopenMs))
      return tell({ type: 'unopened', fault })
    triedAt = performance.now()
    const tried = openJournal(data)
    if ('kind' in tried) {
      fault = tried
      return tell({ type: 'unopened', fault })
    }
    opened = tried
    if (tried.moved) tell({ type: 'moved', ...tried.moved })
  }
  fault = undefined
  const isFirst = base === undefined
  base ??= opened.database.lastId
  const unfinished = isFirst ? opened.database.unfinished(base) : undefined
  tell({ type: 'opened', base, segment: opened.log.finish(), unfinished })
  clean()
}

function follow(): void {
  try {
    if (opened) apply(opened)
    tell(opened ? { type: 'applied' } : { type: 'failed', fault: fault as JournalFault })
  } catch (error) {
    tell({ type: 'failed', fault: fail(error) })
  }
}

function read(id: number, answer: (database: JournalDatabase) => FromJournal): void {
  if (opened === undefined) return tell({ type: 'unread', id, fault: fault as JournalFault })
  try {
    apply(opened)
    tell(answer(opened.database))
  } catch (error) {
    tell({ type: 'unread', id, fault: fail(error) })
  }
}

function clean(after = 0): void {
  if (opened === undefined) return
  try {
    const next = opened.database.clean(Date.now() - data.keepMs, cleanedAtOnce, after)
    if (next !== undefined) setImmediate(clean, next)
  } catch {
    // On a full disk, for example: it is tried again.
  }
}

/** What is damaged is closed: what is to become of it is decided where it is opened. */
function fail(error: unknown): JournalFault {
  fault = faultOf(data.path, error)
  if (isCorrupt(error)) {
    triedAt = Number.NEGATIVE_INFINITY
    shut()
  }
  return fault
}

function close(): void {
  clearInterval(cleaning)
  try {
    if (opened) apply(opened)
    opened?.log.finish()
  } catch {
    // It stays in the log, for the next system.
  }
  shut()
  parentPort?.close()
}

function shut(): void {
  if (opened === undefined) return
  try {
    opened.database.close()
  } catch {
    // What was written is in the file all the same.
  }
  opened = undefined
  disown(data.path)
}
