/**
 * Owns the journal as the system's thread sees it: what runs want written is gathered, and goes to the journal's thread as one
 * batch after the other; whether the file can be used, and who is told. The file is that thread's.
 *
 * 1. One batch is under way at a time; what comes meanwhile is the next. So a busy journal writes much at once.
 * 2. Answers that could not be written are tried again with the next batches.
 */
import { Worker } from 'node:worker_threads'
import { AxonError } from '../../errors.ts'
import type { Clock } from '../clock.ts'
import type { JournalSettings } from '../config/journal.ts'
import type { RuntimeFact } from '../telemetry/catalogue.ts'
import { type Batch, loseTaken, newBatch, type PendingBatch } from './batch.ts'
import type {
  BeginWrite,
  FromJournal,
  JournalFault,
  JournalThreadData,
  RecordFilter,
  RecordRow,
  ToJournal,
  UnfinishedRun,
  Write,
} from './messages.ts'
import { JournalRecord, type RecordSurroundings } from './record.ts'

export interface JournalOpening {
  settings: JournalSettings
  /** The id of the system. */
  system: string
  clock: Clock
  tell: (fact: RuntimeFact) => void
  /** The file is open, and this was found in it. */
  recover: (unfinished: UnfinishedRun[]) => Promise<void>
}

/** A run as the journal is to have it. */
export interface NewRecord {
  run: string
  agent: string
  mode: 'sync' | 'stream'
  /** The request as JSON. */
  body: string
  runMs: number | undefined
  affinity: string | undefined
  idempotencyKey: string | undefined
  isIdempotent: boolean
}

/** Answers that could not be written, and are kept for another try. */
const maxOwed = 10_000
const retryMs = 1_000

export class Journal {
  /** Resolves when the file has been tried; rejects where it is another system's. */
  readonly opened: Promise<void>
  readonly #options: JournalOpening
  readonly #worker: Worker
  readonly #around: RecordSurroundings
  readonly #exited: Promise<void>
  #resolveOpened!: () => void
  #rejectOpened!: (error: AxonError) => void
  #key = 0
  #next: PendingBatch = newBatch()
  #underWay: { id: number; batch: PendingBatch } | undefined
  #isScheduled = false
  #owed: Write[] = []
  #lookups = new Map<number, { resolve: (rows: RecordRow[]) => void; reject: (error: AxonError) => void }>()
  #messages = 0
  /** Set while nothing can be written. */
  #error: AxonError | undefined
  /** Nothing will ever be written again. */
  #isOver = false
  #closing: Promise<void> | undefined
  #idle: (() => void) | undefined

  constructor(options: JournalOpening) {
    this.#options = options
    this.#around = { next: () => this.#open(), isRequired: options.settings.mode === 'required' }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.opened = promise
    this.#resolveOpened = resolve
    this.#rejectOpened = reject
    promise.catch(() => {})
    this.#worker = startThread({ ...options.settings, system: options.system })
    this.#worker.on('message', (message: FromJournal) => this.#hear(message))
    this.#worker.on('error', (error) => this.#end(`its thread has failed: ${error.message}`))
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#end('its thread has ended')
        resolve()
      })
    })
  }

  /** Records a run, together with what else comes in this turn. */
  begin(run: NewRecord): JournalRecord {
    this.#key += 1
    const write: BeginWrite = [
      'begin',
      this.#key,
      run.run,
      run.agent,
      run.mode,
      run.idempotencyKey ?? null,
      run.isIdempotent ? 1 : 0,
      'queued',
      1,
      Date.now(),
      run.runMs ?? null,
      run.affinity ?? null,
      run.body,
    ]
    return new JournalRecord({ key: this.#key, run: run.run, agent: run.agent }, this.#around, write)
  }

  /** The record of a run that an earlier system began. */
  adopt({ key, run, agent, status }: UnfinishedRun): JournalRecord {
    return new JournalRecord({ key, run, agent }, this.#around, status)
  }

  /** None where no run of that id is known. @throws AxonError JOURNAL_UNAVAILABLE */
  get(run: string): Promise<RecordRow[]> {
    return this.#look({ type: 'get', id: this.#nextId(), run })
  }

  /** The newest first. @throws AxonError JOURNAL_UNAVAILABLE */
  list(filter: RecordFilter): Promise<RecordRow[]> {
    return this.#look({ type: 'list', id: this.#nextId(), filter })
  }

  /** Writes what there is, and lets go of the file. Nothing may be begun any more. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    while (!this.#isOver && (this.#underWay || this.#next.writes.length > 0)) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
    // One last try.
    if (!this.#isOver && this.#owed.length > 0) await this.#open().written
    this.#post({ type: 'close' })
    await this.#exited
  }

  /** The batch that takes what is to be written now. */
  #open(): Batch {
    if (!this.#isScheduled && this.#underWay === undefined) this.#schedule()
    return this.#next
  }

  /** With what comes in this turn of the event loop and in the next: a batch costs more than what is in it. */
  #schedule(): void {
    this.#isScheduled = true
    const flush = () => {
      this.#isScheduled = false
      this.#flush()
    }
    setImmediate(() => setImmediate(flush))
  }

  #flush(): void {
    if (this.#underWay) return
    const batch = this.#next
    this.#next = newBatch()
    if (this.#isOver) return this.#fail(batch, this.#error as AxonError)
    const owed = this.#owed.splice(0)
    if (owed.length > 0) batch.writes.unshift(...owed)
    if (batch.writes.length === 0) {
      batch.resolve(undefined)
      return this.#idle?.()
    }
    const id = this.#nextId()
    this.#underWay = { id, batch }
    this.#post({ type: 'write', id, writes: batch.writes })
  }

  #hear(message: FromJournal): void {
    switch (message.type) {
      case 'opened':
        this.#restore()
        return void this.#options.recover(message.unfinished).then(this.#resolveOpened, this.#rejectOpened)
      case 'moved': {
        const { movedTo, message: what } = message
        const { path } = this.#options.settings
        const text = `The journal ${path} was damaged: ${what}. It is now ${movedTo}, and another one was begun. Runs that waited in it are not run.`
        const error = new AxonError('JOURNAL_UNAVAILABLE', text, { context: { path, movedTo } })
        return this.#options.tell({ type: 'journal.failed', error })
      }
      case 'unopened': {
        const error = this.#alarm(message.fault)
        return error.code === 'JOURNAL_IN_USE' ? this.#rejectOpened(error) : this.#resolveOpened()
      }
      case 'written':
        this.#restore()
        return this.#conclude(message.id, ({ batch }) => {
          for (const at of message.taken) loseTaken(batch, batch.writes[at])
          batch.resolve(undefined)
        })
      case 'unwritten':
        return this.#conclude(message.id, ({ batch }) => this.#fail(batch, this.#alarm(message.fault)))
      case 'rows':
        this.#lookups.get(message.id)?.resolve(message.rows)
        return void this.#lookups.delete(message.id)
      case 'unread':
        this.#lookups.get(message.id)?.reject(errorOf(message.fault, this.#options.settings.path))
        return void this.#lookups.delete(message.id)
    }
  }

  #conclude(id: number, conclude: (underWay: { batch: PendingBatch }) => void): void {
    const underWay = this.#underWay
    if (underWay?.id !== id) return
    this.#underWay = undefined
    conclude(underWay)
    // After those who were waiting for this one have gone on, and want something written themselves.
    if (!this.#isScheduled) this.#schedule()
  }

  #fail(batch: PendingBatch, error: AxonError): void {
    for (const write of batch.writes) {
      batch.records.get(write)?.lose(error)
      if (write[0] === 'settle' && !this.#isOver) this.#owed.push(write)
    }
    this.#owed.splice(0, this.#owed.length - maxOwed)
    batch.resolve(error)
    if (this.#owed.length > 0 && !this.#closing) this.#options.clock.setTimeout(() => this.#open(), retryMs)
  }

  /** Tells once that the journal fails, until it has been of use again. */
  #alarm(fault: JournalFault): AxonError {
    const error = errorOf(fault, this.#options.settings.path)
    if (this.#error === undefined) this.#options.tell({ type: 'journal.failed', error })
    this.#error = error
    return error
  }

  #restore(): void {
    if (this.#error) this.#options.tell({ type: 'journal.restored' })
    this.#error = undefined
  }

  #end(why: string): void {
    if (this.#isOver) return
    this.#isOver = true
    const message = `The journal ${this.#options.settings.path} cannot be used: ${why}. Close the system and start it again.`
    const fault: JournalFault = { kind: 'unavailable', message }
    const error = this.#closing ? errorOf(fault, this.#options.settings.path) : this.#alarm(fault)
    this.#error = error
    this.#resolveOpened()
    for (const { reject } of this.#lookups.values()) reject(error)
    this.#lookups.clear()
    if (this.#underWay) this.#fail(this.#underWay.batch, error)
    this.#underWay = undefined
    this.#flush()
    this.#idle?.()
  }

  #look(message: Extract<ToJournal, { type: 'get' | 'list' }>): Promise<RecordRow[]> {
    if (this.#isOver) return Promise.reject(this.#error)
    return new Promise((resolve, reject) => {
      this.#lookups.set(message.id, { resolve, reject })
      this.#post(message)
    })
  }

  #nextId(): number {
    this.#messages += 1
    return this.#messages
  }

  #post(message: ToJournal): void {
    this.#worker.postMessage(message)
  }
}

function errorOf({ kind, message, pid }: JournalFault, path: string): AxonError {
  const code = kind === 'in_use' ? 'JOURNAL_IN_USE' : 'JOURNAL_UNAVAILABLE'
  return new AxonError(code, message, { context: { path, ...(pid !== undefined && { pid }) } })
}

/** The thread alone is told to say nothing of `node:sqlite` being experimental in some versions of Node. */
function startThread(workerData: JournalThreadData): Worker {
  const file = import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js'
  return new Worker(new URL(file, import.meta.url), {
    name: 'axon-journal',
    workerData,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
}
