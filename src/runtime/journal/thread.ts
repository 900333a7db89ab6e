/**
 * The journal's thread: opens the file, writes what it is given together in one transaction, looks up, and cleans in between.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { isCorrupt, type JournalDatabase } from './database.ts'
import type { FromJournal, JournalFault, JournalThreadData, RecordRow, ToJournal, Write } from './messages.ts'
import { disown, faultOf, openJournal } from './opening.ts'

const data = workerData as JournalThreadData
/** After a failure the file is not tried again for so long. */
const reopenMs = 1_000
/** Runs that are looked at for cleaning in one go: some milliseconds. */
const cleanedAtOnce = 500
const cleanEveryMs = Math.min(60_000, Math.max(1_000, data.keepMs / 10))

let database: JournalDatabase | undefined
let base: number | undefined
let fault: JournalFault | undefined
let triedAt = Number.NEGATIVE_INFINITY

parentPort?.on('message', (message: ToJournal) => {
  switch (message.type) {
    case 'write':
      return write(message.id, message.writes)
    case 'get':
      return read(message.id, (opened) => opened.get(message.run))
    case 'list':
      return read(message.id, (opened) => opened.list(message.filter))
    case 'close':
      return close()
  }
})
const cleaning = setInterval(clean, cleanEveryMs)
open()

function tell(message: FromJournal): void {
  parentPort?.postMessage(message)
}

/** Opens the file, where it is not open and may be tried. */
function open(): JournalDatabase | undefined {
  if (database || fault?.kind === 'in_use' || performance.now() - triedAt < reopenMs) return database
  triedAt = performance.now()
  const opened = openJournal(data, base)
  if ('kind' in opened) {
    fault = opened
    tell({ type: 'unopened', fault })
    return undefined
  }
  database = opened.database
  fault = undefined
  if (opened.moved) tell({ type: 'moved', ...opened.moved })
  if (base === undefined) {
    base = database.base
    tell({ type: 'opened', unfinished: database.unfinished() })
  }
  clean()
  return database
}

function write(id: number, writes: Write[]): void {
  const opened = open()
  if (opened === undefined) return tell({ type: 'unwritten', id, fault: fault as JournalFault })
  try {
    tell({ type: 'written', id, taken: opened.write(writes) })
  } catch (error) {
    tell({ type: 'unwritten', id, fault: failedBy(error) })
  }
}

function read(id: number, query: (opened: JournalDatabase) => RecordRow[]): void {
  const opened = open()
  if (opened === undefined) return tell({ type: 'unread', id, fault: fault as JournalFault })
  try {
    tell({ type: 'rows', id, rows: query(opened) })
  } catch (error) {
    tell({ type: 'unread', id, fault: failedBy(error) })
  }
}

/** A file that is found damaged is closed: what is to become of it is decided where it is opened. */
function failedBy(error: unknown): JournalFault {
  const found = faultOf(data.path, error)
  if (!isCorrupt(error)) return found
  fault = found
  triedAt = Number.NEGATIVE_INFINITY
  shut()
  return found
}

function clean(after = 0): void {
  if (database === undefined) return
  try {
    const next = database.clean(Date.now() - data.keepMs, cleanedAtOnce, after)
    if (next !== undefined) setImmediate(clean, next)
  } catch {
    // On a full disk, for example: whoever writes is told so.
  }
}

function close(): void {
  clearInterval(cleaning)
  shut()
  parentPort?.close()
}

function shut(): void {
  if (database === undefined) return
  try {
    database.close()
  } catch {
    // What was written is in the file all the same.
  }
  database = undefined
  disown(data.path)
}
