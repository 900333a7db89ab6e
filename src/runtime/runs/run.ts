/**
 * Owns one run from acceptance to its one terminal answer: its actor, deadline and cancel, and the judgement of a lost
 * connection. Where it is sent, and when, belongs to the lane.
 *
 * 1. Exactly one terminal answer, within the run's deadline.
 * 2. User code is run at most once, unless its agent is idempotent: only what was proved not to have started is sent again.
 * 3. `started: false` is said only where it was proved.
 */
import { createActor } from 'xstate'
import { AxonError, isAxonError, RunError, toAxonError } from '../../errors.ts'
import type { RunFact } from '../../machines/facts.ts'
import { type RunOutcome, runLogic } from '../../machines/run.ts'
import type { RunResponse } from '../../protocol/run.ts'
import { ByteTimeout, ConnectionLost } from '../http/transport.ts'
import type { JournalRecord, Settlement } from '../journal/record.ts'
import type { Link } from '../placement/link.ts'
import { eitherBegan, FailedAttempts, type Failure } from './failed-attempts.ts'
import { fateOf } from './fate.ts'
import { type About, cancelled, copied, lost, outcomeOf, timedOut, unreached } from './run-errors.ts'
import type { RunSpec, RunSurroundings } from './run-spec.ts'
import { tokensOf } from './usage.ts'

const ignore = () => {}

export class Run {
  readonly id: string
  readonly result: Promise<RunResponse>
  /** Resolves when the run has settled and its actor has ended. Never rejects. */
  readonly settled: Promise<void>
  /** Tokens that it has used; 0 where it has no answer. */
  totalTokens = 0
  /** What it was made from. */
  readonly spec: RunSpec
  #around: RunSurroundings
  #actor
  #controller = new AbortController()
  #deadline: unknown
  #begunAt = performance.now()
  #attempt: number
  #link: Link | undefined
  /** In the attempt that is under way. */
  #started = false
  /** Those before it. */
  #failed: FailedAttempts | undefined
  /** Somebody may have read of the run: it cannot be run again as if it had not begun. */
  #isStreaming = false
  #firstEventMs: number | undefined
  #isSettled = false
  readonly #answered = Promise.withResolvers<RunResponse>()
  #onAbort: () => void

  constructor(spec: RunSpec, around: RunSurroundings) {
    this.id = spec.run
    this.spec = spec
    this.#around = around
    this.#attempt = spec.resumedAt ?? 1
    if (spec.mayHaveBegun) this.#failed = new FailedAttempts(true)
    this.result = this.#answered.promise
    this.settled = this.result.then(ignore, ignore)
    this.#onAbort = () => this.cancel(spec.signal?.reason)
    this.#actor = createActor(runLogic, {
      parent: around.parent,
      id: `run:${spec.run}`,
      input: { run: spec.run, agent: spec.definition.name, mode: spec.mode, cancel: () => this.cancel() },
    })
    this.#actor.start()
    this.#tell({ type: 'run.accepted', agent: this.agent, run: this.id, parent: spec.parent?.id })
    this.#deadline = around.clock.setTimeout(() => this.#timeOut(), spec.runMs)
    if (spec.signal?.aborted) this.#onAbort()
    else spec.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get agent(): string {
    return this.spec.definition.name
  }

  /** What the journal keeps of it. */
  get record(): JournalRecord | undefined {
    return this.spec.record
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** How many runs are above it: those on whose behalf it is. */
  get depth(): number {
    return this.spec.parent === undefined ? 0 : this.spec.parent.depth + 1
  }

  /** What is left of its time, in milliseconds. */
  get leftMs(): number {
    return this.spec.runMs - (performance.now() - this.#begunAt)
  }

  /** Whether this attempt of it is under way on that process. */
  isAt(link: Link, attempt: number): boolean {
    return !this.#isSettled && this.#link === link && this.#attempt === attempt
  }

  /** Of a run that was sent before. */
  get failed(): FailedAttempts | undefined {
    return this.#failed
  }

  /** It waits for a place. */
  queue(): void {
    if (!this.#isSettled) this.#actor.send({ type: 'run.queued' })
  }

  /** The caller gave up, or somebody asked by an event. The process is told; the answer does not wait for it. */
  cancel(reason?: unknown): void {
    this.#stop('cancelled', (started) => cancelled(this.#about, started, reason))
  }

  /** No process will take it: the agent has failed, stopped or waits. */
  refuse(error: AxonError): void {
    this.#settle('failed', undefined, error)
  }

  /** Sends the run to a process. Resolves `true` where it is to be sent again: the run is then queued. Never rejects. */
  async attempt(link: Link): Promise<boolean> {
    if (this.#isSettled || (this.spec.record && !(await this.#isRecorded(this.spec.record)))) return false
    this.#link = link
    this.#actor.send({ type: 'run.assigned', generation: link.generation })
    const { body, definition, affinity } = this.spec
    const { timeouts, output } = definition
    const { generation } = link
    try {
      const about = { generation, run: this.id, attempt: this.#attempt, affinity: this.#failed ? undefined : affinity }
      const call = { ...about, body, timeouts, deadlineMs: this.leftMs, output }
      const calling = this.spec.execute(call, this.#controller.signal)
      this.#actor.send({ type: 'run.written' })
      const response = await calling
      this.#startedBy(generation)
      this.#settle('succeeded', response)
    } catch (error) {
      if (this.#isSettled) return false
      if (error instanceof ConnectionLost) return await this.#judge(link, error)
      if (error instanceof ByteTimeout) return this.#late(link, error)
      if (isAxonError(error)) return this.#refused(link, error)
      this.#settle('failed', undefined, toAxonError(error))
    }
    return false
  }

  /** Whether it may be sent: the journal has it, or need not have it. */
  async #isRecorded(record: JournalRecord): Promise<boolean> {
    const error = await record.sending(this.#attempt)
    if (error) this.refuse(error)
    return !this.#isSettled
  }

  /** The receipt of this run has come. */
  receipt(generation: string): void {
    if (this.#link?.generation === generation) this.#startedBy(generation)
  }

  /** The first event of a stream has come. */
  streaming(): void {
    this.#isStreaming = true
    if (this.#link) this.#startedBy(this.#link.generation)
    if (!this.#isSettled) this.#actor.send({ type: 'run.streaming' })
  }

  /** The agent has told the first event of its own. */
  told(): void {
    this.#firstEventMs ??= performance.now() - this.#begunAt
  }

  /** By receipt, or by an answer that was read before it: they come on two connections. */
  #startedBy(generation: string): void {
    if (this.#isSettled || this.#started) return
    this.#started = true
    this.#actor.send({ type: 'run.started' })
    this.#tell({ type: 'run.started', agent: this.agent, run: this.id, generation })
  }

  /** The agent's own answer was an error. A refusal before user code, marked so, may go elsewhere. */
  #refused(link: Link, error: AxonError): boolean {
    if (error instanceof RunError && error.started === true) this.#startedBy(link.generation)
    // The receipt outweighs an answer that does not say whether the code began, or says that it did not.
    const isOutweighed = this.#started && error instanceof RunError && error.started !== true
    const told = isOutweighed ? copied(error, { run: this.id, attempt: this.#attempt, started: true }) : error
    const outcome = outcomeOf(told)
    // The process has answered for the run; whether its code has ended is told apart from that.
    if (outcome !== 'failed' && this.#started) link.cancel(this.id, this.#attempt, true)
    if (told instanceof RunError) {
      const { code, started } = told
      const isEnding = code === 'RUN_REJECTED' || code === 'RUN_INTERRUPTED'
      if (isEnding && started === false) link.refuseRuns()
      if (code === 'RUN_REJECTED' && started === false) return this.#again('refused', told)
      if (code === 'RUN_INTERRUPTED') return this.#again('lost', told)
    }
    this.#settle(outcome, undefined, told)
    return false
  }

  /** The connection was lost. What the process receipted, or says when it is asked, decides what the caller may believe. */
  async #judge(link: Link, cause: ConnectionLost): Promise<boolean> {
    if (!cause.isWritten && !this.#started) return this.#again('refused', unreached(this.#about, cause))
    const fate = await fateOf(link, this.id, this.#attempt, this.#around.clock)
    return !this.#isSettled && this.#again('lost', lost(this.#about, this.#started, fate, cause))
  }

  /** No byte came in time. */
  #late(link: Link, cause: ByteTimeout): boolean {
    link.cancel(this.id, this.#attempt, this.#started)
    return this.#again('lost', timedOut(this.#about, 'firstByteMs or idleMs', this.#started || undefined, cause))
  }

  /** The attempt came to nothing: the run is sent again, or ends with this. */
  #again(how: Failure, error: RunError): boolean {
    const { maxAttempts } = this.spec.definition
    const { mayRetry } = this.#around
    this.#failed ??= new FailedAttempts()
    const link = this.#link
    const end = this.#failed.judge({ how, error, link, maxAttempts, isRepeatable: this.#isRepeatable, mayRetry })
    if (end !== undefined) {
      this.#settle(outcomeOf(end), undefined, end)
      return false
    }
    const { started } = error
    const generation = link?.generation ?? ''
    this.#attempt += 1
    this.#link = undefined
    this.#started = false
    // In the journal, too, only what has not begun waits; the other is marked when it is sent again.
    if (this.#failed.begun === false) this.spec.record?.requeued(this.#attempt)
    this.#actor.send({ type: started === false ? 'run.requeued' : 'run.repeated' })
    const told = { agent: this.agent, run: this.id, generation, attempt: this.#attempt, started }
    this.#tell({ type: 'run.requeued', ...told })
    return true
  }

  get #isRepeatable(): boolean {
    return this.spec.definition.idempotent && !this.#isStreaming
  }

  #timeOut(): void {
    this.#stop('timed_out', (started) => timedOut(this.#about, `runMs (${this.spec.runMs} ms)`, started))
  }

  /** Settles before the process has answered, and tells the process to let go. */
  #stop(outcome: RunOutcome, error: (started: boolean | undefined) => RunError): void {
    if (this.#isSettled) return
    const link = this.#link
    // Without a receipt nothing is known of a run that was sent: its receipt may be on the way.
    const started = link === undefined ? false : this.#started || undefined
    link?.cancel(this.id, this.#attempt, this.#started)
    const reason = error(started)
    this.#settle(outcome, undefined, reason)
    this.#controller.abort(reason)
  }

  get #about(): About {
    const { name, idempotent } = this.spec.definition
    const generation = this.#link?.generation
    return { run: this.id, agent: name, attempt: this.#attempt, generation, isIdempotent: idempotent }
  }

  #settle(outcome: RunOutcome, response?: RunResponse, reason?: AxonError): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.totalTokens = response?.usage.total_tokens ?? 0
    const error = reason && this.#told(reason)
    this.#around.clock.clearTimeout(this.#deadline)
    this.spec.signal?.removeEventListener('abort', this.#onAbort)
    this.#actor.send({ type: 'run.settled', outcome, error })
    const started = outcome === 'succeeded' ? true : error?.started
    const settlement = { status: outcome, started, attempt: this.#attempt, error }
    const recorded = this.spec.record?.settled({ ...settlement, response })
    if (recorded) void recorded.then(() => this.#answer(settlement, response))
    else this.#answer(settlement, response)
  }

  #answer(settlement: Omit<Settlement, 'response'>, response: RunResponse | undefined): void {
    const { error } = settlement
    const fact = { type: 'run.settled', agent: this.agent, run: this.id, ...settlement } as const
    const durationMs = performance.now() - this.#begunAt
    this.#tell({ ...fact, durationMs, ...tokensOf(response), firstEventMs: this.#firstEventMs }, response)
    if (response === undefined)
      this.#answered.reject(error ?? new AxonError('INTERNAL_ERROR', 'A run ended without an error.'))
    else this.#answered.resolve(response)
  }

  #tell(fact: RunFact, response?: RunResponse): void {
    this.#around.tell(fact)
    this.spec.trace?.hear(fact, response)
  }

  /** The error as the caller gets it: with the run, its attempts, and whether the agent's code began in any of them. */
  #told(error: AxonError): RunError {
    const isOwn = error instanceof RunError
    const present = isOwn ? error.started : this.#link === undefined ? false : this.#started || undefined
    const started = this.#failed === undefined ? present : eitherBegan(present, this.#failed.begun)
    if (isOwn && error.started === started) return error
    return copied(error, { run: this.id, attempt: this.#attempt, started })
  }
}
