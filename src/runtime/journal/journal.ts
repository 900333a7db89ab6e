/**
 * Owns the journal as the system's thread sees it: what runs want written is gathered and appended to the log, one batch for
 * what comes in a turn of the event loop; whether the journal can be used, and who is told. The database is the thread's, which
 * follows the log.
 *
 * 1. What is in the log is recorded: the thread, or the next system, puts it into the database.
 * 2. Answers that could not be written are tried again with the next batches.
 * 3. A run that its caller has named is looked for in the journal first, and its batch waits for that.
 */
import { Worker } from 'node:worker_threads'
import { AxonError } from '../../errors.ts'
import type { Clock } from '../clock.ts'
import type { JournalSettings } from '../config/journal.ts'
import type { RuntimeFact } from '../telemetry/catalogue.ts'
import { type Batch, loseTaken, namedIn, newBatch, type PendingBatch } from './batch.ts'
import { errorOf, faultOf } from './faults.ts'
import { LogWriter } from './log-writer.ts'
import type { FromJournal, JournalFault, JournalThreadData, ToJournal, UnfinishedRun, Write } from './messages.ts'
import { Questions } from './questions.ts'
import { beginWrite, JournalRecord, type NewRecord, type RecordSurroundings } from './record.ts'

export interface JournalOpening {
  settings: JournalSettings
  /** The id of the system. */
  system: string
  clock: Clock
  tell: (fact: RuntimeFact) => void
  /** The file is open, and this was found in it. */
  recover: (unfinished: UnfinishedRun[]) => Promise<void>
}

/** Answers that could not be written, and are kept for another try. */
const maxOwed = 10_000
const retryMs = 1_000

export class Journal {
  /** Resolves when the file has been tried; rejects where it is another system's. */
  readonly opened: Promise<void>
  /** What can be looked up. */
  readonly questions: Questions
  readonly #options: JournalOpening
  readonly #worker: Worker
  readonly #around: RecordSurroundings
  readonly #exited: Promise<void>
  #resolveOpened!: () => void
  #rejectOpened!: (error: AxonError) => void
  #key = 0
  /** Where it may be written; undefined while the thread is opening it, and after something failed. */
  #log: LogWriter | undefined
  #isOpening = false
  #next: PendingBatch = newBatch()
  #isScheduled = false
  /** A batch waits for the answer to what is asked of its runs. */
  #isAsking = false
  #owed: Write[] = []
  #retry: unknown
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
    this.questions = new Questions(
      (question) => this.#post(question),
      (fault) => errorOf(fault, options.settings.path),
    )
    this.#worker.on('message', (message: FromJournal) => this.#hear(message))
    this.#worker.on('error', (error) => this.#end(`its thread has failed: ${error.message}`))
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#end('its thread has ended')
        resolve()
      })
    })
    this.#openLog()
  }

  /** Records a run, together with what else comes in this turn. */
  begin(run: NewRecord): JournalRecord {
    this.#key += 1
    const { run: id, agent, isNamed } = run
    return new JournalRecord({ key: this.#key, run: id, agent, isNamed }, this.#around, beginWrite(this.#key, run))
  }

  /** The record of a run that an earlier system began. */
  adopt({ key, run, agent, status }: UnfinishedRun): JournalRecord {
    return new JournalRecord({ key, run, agent, isNamed: true }, this.#around, status)
  }

  /** Whether runs that cannot be recorded are refused. */
  get isRequired(): boolean {
    return this.#around.isRequired
  }

  /** Writes what there is, and lets go of the files. Nothing may be begun any more. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#options.clock.clearTimeout(this.#retry)
    while (!this.#isOver && (this.#isAsking || this.#isOpening || this.#next.writes.length > 0)) {
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
    this.#schedule()
    return this.#next
  }

  /** At the end of this turn of the event loop, or when what is under way allows it. */
  #schedule(): void {
    if (this.#isScheduled || this.#isAsking || this.#isOpening) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      void this.#flush()
    })
  }

  async #flush(): Promise<void> {
    if (!this.#isOver && this.#log === undefined) return this.#openLog()
    const batch = this.#take()
    if (this.#isOver) return this.#fail(batch, this.#error as AxonError)
    const runs = namedIn(batch)
    this.#isAsking = runs.length > 0
    try {
      if (this.#isAsking) loseTaken(batch, await this.questions.find(runs))
      this.#append(batch)
    } catch (error) {
      this.#fail(batch, error as AxonError)
    }
    this.#isAsking = false
    this.#goOn()
  }

  #take(): PendingBatch {
    const batch = this.#next
    this.#next = newBatch()
    const owed = this.#owed.splice(0)
    if (owed.length > 0) batch.writes.unshift(...owed)
    return batch
  }

  #append(batch: PendingBatch): void {
    if (this.#log === undefined) return this.#fail(batch, this.#error as AxonError)
    try {
      if (batch.writes.length > 0) this.#log.append(batch.writes)
    } catch (error) {
      return this.#fail(batch, this.#alarm(faultOf(this.#options.settings.path, error)))
    }
    batch.resolve(undefined)
    this.#restore()
  }

  #goOn(): void {
    if (this.#next.writes.length > 0) this.#schedule()
    else this.#idle?.()
  }

  #openLog(): void {
    this.#isOpening = true
    this.#post({ type: 'open' })
  }

  #hear(message: FromJournal): void {
    switch (message.type) {
      case 'opened':
        return this.#opened(message)
      case 'moved': {
        const { movedTo, message: what } = message
        const { path } = this.#options.settings
        const text = `The journal ${path} was damaged: ${what}. It is now ${movedTo}, and another one was begun. Runs that waited in it are not run.`
        const error = new AxonError('JOURNAL_UNAVAILABLE', text, { context: { path, movedTo } })
        return this.#options.tell({ type: 'journal.failed', error })
      }
      case 'unopened': {
        this.#isOpening = false
        const error = this.#alarm(message.fault)
        if (error.code === 'JOURNAL_IN_USE') this.#rejectOpened(error)
        else this.#resolveOpened()
        this.#fail(this.#take(), error)
        return this.#goOn()
      }
      case 'applied':
        return this.#log?.applied()
      case 'failed':
        this.#shutLog()
        return void this.#alarm(message.fault)
      default:
        return this.questions.answer(message)
    }
  }

  #opened({ base, segment, unfinished }: Extract<FromJournal, { type: 'opened' }>): void {
    this.#isOpening = false
    this.#log = new LogWriter(this.#options.settings.path, base, segment, () => this.#post({ type: 'grown' }))
    this.#restore()
    if (unfinished) void this.#options.recover(unfinished).then(this.#resolveOpened, this.#rejectOpened)
    this.#goOn()
  }

  #fail(batch: PendingBatch, error: AxonError): void {
    for (const write of batch.writes) {
      batch.records.get(write)?.lose(error)
      if (write[0] === 'settle' && !this.#isOver) this.#owed.push(write)
    }
    this.#owed.splice(0, this.#owed.length - maxOwed)
    batch.resolve(error)
    if (this.#owed.length === 0 || this.#closing) return
    this.#options.clock.clearTimeout(this.#retry)
    this.#retry = this.#options.clock.setTimeout(() => this.#open(), retryMs)
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

  #shutLog(): void {
    this.#log?.close()
    this.#log = undefined
  }

  #end(why: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#isOpening = false
    this.#shutLog()
    const { path } = this.#options.settings
    const message = `The journal ${path} cannot be used: ${why}. Close the system and start it again.`
    const fault: JournalFault = { kind: 'unavailable', message }
    const error = this.#closing ? errorOf(fault, path) : this.#alarm(fault)
    this.#error = error
    this.#resolveOpened()
    this.questions.end(error)
    this.#fail(this.#take(), error)
    this.#idle?.()
  }

  #post(message: ToJournal): void {
    this.#worker.postMessage(message)
  }
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
