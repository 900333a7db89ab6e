/**
 * Owns what the two sides of the journal say to each other: the system's thread, which has runs and writes the log, and the
 * journal's, which reads the log and has the database. Shapes only. Writes are tuples of plain values: there are two for each run.
 */
import type { RunOutcome } from '../../machines/run.ts'
import type { RunStreamEvent } from '../../protocol/run.ts'
import type { JournalSettings } from '../config/journal.ts'

/** `queued`: no byte of it was sent. `sent`: it may have begun. */
export type RecordStatus = 'queued' | 'sent' | RunOutcome

/** `resumable`: its events are recorded too. */
export type RecordMode = 'sync' | 'stream' | 'resumable'

/** Counts from 1 the runs that this system has recorded; at and below 0 are those of earlier systems. */
type Key = number

export type BeginWrite = [
  kind: 'begin',
  key: Key,
  run: string,
  agent: string,
  mode: RecordMode,
  idempotencyKey: string | null,
  isIdempotent: 0 | 1,
  status: 'queued' | 'sent',
  attempt: number,
  createdAt: number,
  runMs: number | null,
  affinity: string | null,
  body: string,
  /** The run that waits for it, and ends with it; null also where others may ask for its answer. */
  parent: string | null,
]
/** Where the status stands in a `BeginWrite`: it may change until it is written. */
export const statusAt = 7
export const attemptAt = 8

export type MarkWrite = [kind: 'mark', key: Key, status: 'queued' | 'sent', attempt: number]

export type SettleWrite = [
  kind: 'settle',
  key: Key,
  status: RunOutcome,
  started: 0 | 1 | null,
  attempt: number,
  finishedAt: number,
  response: string | null,
  error: string | null,
]

export type EventWrite = [kind: 'event', key: Key, id: number, event: string, data: string]

export type Write = BeginWrite | MarkWrite | SettleWrite | EventWrite

/** What is found in the journal of a run that had not settled. */
export interface UnfinishedRun {
  key: Key
  run: string
  agent: string
  isIdempotent: boolean
  status: 'queued' | 'sent'
  attempt: number
  createdAt: number
  runMs: number | undefined
  affinity: string | undefined
  /** The request as JSON. */
  body: string
  /** The run that waited for it. */
  parent: string | undefined
}

/** What can be looked up of a run; `response` and `error` are JSON. */
export interface RecordRow {
  run: string
  agent: string
  mode: RecordMode
  status: RecordStatus
  started: 0 | 1 | null
  attempt: number
  createdAt: number
  finishedAt: number | null
  response: string | null
  error: string | null
  /** The request as JSON, of a run that was looked up by its idempotency key. */
  body?: string
}

export interface RecordFilter {
  agent: string | undefined
  status: RecordStatus | undefined
  limit: number
}

/** What the journal's thread is made with. */
export interface JournalThreadData extends JournalSettings {
  /** The id of the system. */
  system: string
}

export type ToJournal =
  /** Open what is not open, put what is in the log into the database, and say where the log goes on. Nothing is appended meanwhile. */
  | { type: 'open' }
  /** There is more in the log. Told again when it was answered by `applied` only. */
  | { type: 'grown' }
  /** Which of these runs are in the journal? */
  | { type: 'find'; id: number; runs: string[] }
  /** Which run has this idempotency key? */
  | { type: 'keyed'; id: number; agent: string; key: string }
  | { type: 'get'; id: number; run: string }
  | { type: 'list'; id: number; filter: RecordFilter }
  /** The events of a run after the one of that id, `limit` at most. */
  | { type: 'events'; id: number; run: string; after: number; limit: number }
  | { type: 'close' }

/** Why the journal cannot be used. `in_use`: by a living system. */
export interface JournalFault {
  kind: 'in_use' | 'unavailable'
  message: string
  /** Of the system that uses it. */
  pid?: number | undefined
}

export type FromJournal =
  /** `segment` is the next of the log; `unfinished` are the runs of earlier systems, told the first time only. */
  | { type: 'opened'; base: number; segment: number; unfinished: UnfinishedRun[] | undefined }
  /** What was there is damaged, and another one was begun. */
  | { type: 'moved'; movedTo: string; message: string }
  /** The answer to `open` where that failed. */
  | { type: 'unopened'; fault: JournalFault }
  | { type: 'applied' }
  /** What is in the log could not be put into the database. Until the next `opened` it is not tried again. */
  | { type: 'failed'; fault: JournalFault }
  | { type: 'found'; id: number; taken: string[] }
  | { type: 'rows'; id: number; rows: RecordRow[] }
  | { type: 'told'; id: number; events: RunStreamEvent[] }
  /** The answer to a question where that failed. */
  | { type: 'unread'; id: number; fault: JournalFault }
