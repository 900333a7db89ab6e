/**
 * Owns what the journal keeps of one run, as the run itself sees it. When writes go to the file is journal.ts.
 *
 * 1. No byte of a run is sent before the file says that it may have been.
 * 2. A run is answered when the file has its answer, or when the file has refused it.
 * 3. What was refused before it was sent or waited leaves no trace.
 */
import { type AxonError, RunError } from '../../errors.ts'
import type { RunOutcome } from '../../machines/run.ts'
import type { RunResponse, RunStreamEvent } from '../../protocol/run.ts'
import type { Batch } from './batch.ts'
import { attemptAt, type BeginWrite, type RecordMode, statusAt, type Write } from './messages.ts'

export interface RecordSurroundings {
  /** The batch that is written next. */
  next: () => Batch
  /** Whether a run that cannot be recorded is not run. */
  isRequired: boolean
}

/** A run as the journal is to have it. */
export interface NewRecord {
  run: string
  agent: string
  mode: RecordMode
  /** The request as JSON. */
  body: string
  runMs: number | undefined
  affinity: string | undefined
  idempotencyKey: string | undefined
  /** The run that waits for it, where nobody else does. */
  parent: string | undefined
  isIdempotent: boolean
  /** Its caller has chosen its id, which may be in the journal already. */
  isNamed: boolean
}

/** How a run ended. */
export interface Settlement {
  status: RunOutcome
  started: boolean | undefined
  attempt: number
  response?: RunResponse | undefined
  error?: AxonError | undefined
}

/** Which run it is. */
export interface RecordedRun {
  key: number
  run: string
  agent: string
  isNamed: boolean
}

export class JournalRecord {
  /** Called where the run cannot be recorded and so is not to be run. */
  onRefused: ((error: AxonError) => void) | undefined
  readonly #run: RecordedRun
  readonly #around: RecordSurroundings
  /** Its beginning, and the batch that has it; undefined where an earlier system wrote it. */
  #begin: { write: BeginWrite; batch: Batch } | undefined
  #status: 'queued' | 'sent'
  #isLost = false

  get id(): string {
    return this.#run.run
  }

  get agent(): string {
    return this.#run.agent
  }

  /** Its id is its caller's. */
  get isNamed(): boolean {
    return this.#run.isNamed
  }

  constructor(run: RecordedRun, around: RecordSurroundings, begin: BeginWrite | 'queued' | 'sent') {
    this.#run = run
    this.#around = around
    this.#status = typeof begin === 'string' ? begin : begin[statusAt]
    if (typeof begin === 'string') return
    const batch = around.next()
    batch.writes.push(begin)
    batch.records.set(begin, this)
    this.#begin = { write: begin, batch }
  }

  /** The run is about to be sent. Resolves when it may be, or with what keeps it from that. */
  async sending(attempt: number): Promise<AxonError | undefined> {
    const begin = this.#begin
    if (begin && this.#isNext(begin.batch)) {
      this.#status = 'sent'
      begin.write[statusAt] = 'sent'
      begin.write[attemptAt] = attempt
      const error = await begin.batch.written
      return error && this.#refusal(error, attempt)
    }
    if (begin && !this.#isLost) await begin.batch.written
    if (this.#isLost) return undefined
    this.#status = 'sent'
    const error = await this.#write(['mark', this.#run.key, 'sent', attempt])
    // It stands there as one that waits: another system would run it, after this one has.
    return error && unrecorded(this.#run, attempt, error)
  }

  /** It was proved not to have started, and waits again. */
  requeued(attempt: number): void {
    if (this.#isLost) return
    this.#status = 'queued'
    void this.#write(['mark', this.#run.key, 'queued', attempt])
  }

  /** Resolves when the run may be answered; undefined: at once. Never rejects. */
  settled(settlement: Settlement): Promise<unknown> | undefined {
    if (this.#isLost) return undefined
    const begin = this.#begin
    if (begin && this.#status === 'queued' && this.#isNext(begin.batch)) {
      begin.batch.writes.splice(begin.batch.writes.indexOf(begin.write), 1)
      begin.batch.records.delete(begin.write)
      return undefined
    }
    const { status, started, attempt, response, error } = settlement
    return this.#write([
      'settle',
      this.#run.key,
      status,
      started === undefined ? null : started ? 1 : 0,
      attempt,
      Date.now(),
      response === undefined ? null : JSON.stringify(response),
      error === undefined ? null : asText(error),
    ])
  }

  /** An event of a resumable run. Nothing waits until it is written. */
  told({ id, event, data }: RunStreamEvent): void {
    if (!this.#isLost) void this.#write(['event', this.#run.key, id, event, JSON.stringify(data)])
  }

  /** Its beginning is not in the file, and will not be. */
  lose(error: AxonError): void {
    this.#isLost = true
    const refusal = this.#refusal(error, 1)
    if (refusal) this.onRefused?.(refusal)
  }

  #write(write: Write): Promise<AxonError | undefined> {
    const batch = this.#around.next()
    batch.writes.push(write)
    return batch.written
  }

  #isNext(batch: Batch): boolean {
    return batch === this.#around.next()
  }

  #refusal(error: AxonError, attempt: number): AxonError | undefined {
    if (error.code === 'JOURNAL_UNAVAILABLE')
      return this.#around.isRequired ? unrecorded(this.#run, attempt, error) : undefined
    return error
  }
}

export function beginWrite(key: number, run: NewRecord): BeginWrite {
  return [
    'begin',
    key,
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
    run.parent ?? null,
  ]
}

/** What stands in `context` may be anybody's. */
function asText(error: AxonError): string {
  try {
    return JSON.stringify(error)
  } catch {
    return JSON.stringify({ ...error.toJSON(), context: {} })
  }
}

function unrecorded({ run, agent }: RecordedRun, attempt: number, cause: AxonError): AxonError {
  const message = `Run ${run} of ${agent} was not sent, because it cannot be recorded: ${cause.message}`
  return new RunError('JOURNAL_UNAVAILABLE', message, { run, agent, started: false, attempt, cause })
}
