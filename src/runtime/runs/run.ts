/**
 * Owns one run from acceptance to its one terminal answer: its actor, deadline and cancel, and the judgement of a lost
 * connection. Where it is sent, and when, belongs to the lane.
 *
 * 1. Exactly one terminal answer, within the run's deadline.
 * 2. User code is run at most once: only what was proved not to have started is sent again, and only once.
 * 3. `started: false` is said only where it was proved.
 */
import { createActor } from 'xstate'
import { AxonError, isAxonError, RunError, toAxonError } from '../../errors.ts'
import { type RunOutcome, runLogic } from '../../machines/run.ts'
import type { RunResponse } from '../../protocol/run.ts'
import { ByteTimeout, ConnectionLost } from '../http/transport.ts'
import type { JournalRecord, Settlement } from '../journal/record.ts'
import type { Link } from '../process/link.ts'
import { asStarted, outcomeOf } from './own-errors.ts'
import type { RunSpec, RunSurroundings } from './run-spec.ts'

/** How long a process that lives may take to let go of a run that was cancelled, or to be seen dead. */
const judgeMs = 1_000
const maxAttempts = 2
export class Run {
  readonly id: string
  readonly result: Promise<RunResponse>
  /** Resolves when the run has settled and its actor has ended. Never rejects. */
  readonly settled: Promise<void>
  #spec: RunSpec
  #around: RunSurroundings
  #actor
  #controller = new AbortController()
  #deadline: unknown
  #begunAt = performance.now()
  #attempt: number
  #link: Link | undefined
  #started = false
  #isSettled = false
  #resolve!: (response: RunResponse) => void
  #reject!: (error: AxonError) => void
  #onAbort: () => void

  constructor(spec: RunSpec, around: RunSurroundings) {
    this.id = spec.run
    this.#spec = spec
    this.#around = around
    this.#attempt = spec.resumedAt ?? 1
    const { promise, resolve, reject } = Promise.withResolvers<RunResponse>()
    this.result = promise
    this.#resolve = resolve
    this.#reject = reject
    this.settled = promise.then(
      () => {},
      () => {},
    )
    this.#onAbort = () => this.cancel(spec.signal?.reason)
    this.#actor = createActor(runLogic, {
      parent: around.parent,
      id: `run:${spec.run}`,
      input: { run: spec.run, agent: spec.definition.name, mode: spec.mode, cancel: () => this.cancel() },
    })
    this.#actor.start()
    around.tell({ type: 'run.accepted', agent: this.agent, run: this.id })
    this.#deadline = around.clock.setTimeout(() => this.#timeOut('runMs', spec.runMs), spec.runMs)
    if (spec.signal?.aborted) this.#onAbort()
    else spec.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get agent(): string {
    return this.#spec.definition.name
  }

  get affinity(): string | undefined {
    return this.#spec.affinity
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** It was sent before, and did not start. */
  get isRetried(): boolean {
    return this.#attempt > 1
  }

  /** It was admitted by an earlier system, and is not turned away for want of room. */
  get isResumed(): boolean {
    return this.#spec.resumedAt !== undefined
  }

  /** It waits for a place. */
  queue(): void {
    if (!this.#isSettled) this.#actor.send({ type: 'run.queued' })
  }

  /** The caller gave up, or somebody asked by an event. The process is told; the answer does not wait for it. */
  cancel(reason?: unknown): void {
    this.#stop('cancelled', (started) =>
      this.#error('RUN_CANCELLED', `Run ${this.id} of ${this.agent} was cancelled.`, started, reason),
    )
  }

  /** No process will take it: the agent has failed, stopped or waits. */
  refuse(error: AxonError): void {
    this.#settle('failed', undefined, error)
  }

  /**
   * Sends the run to a process. Resolves `true` where it was proved not to have started and may be sent again: the run is then
   * queued. Never rejects.
   */
  async attempt(link: Link): Promise<boolean> {
    if (this.#isSettled || (this.#spec.record && !(await this.#isRecorded(this.#spec.record)))) return false
    this.#link = link
    this.#actor.send({ type: 'run.assigned', generation: link.generation })
    const { timeouts } = this.#spec.definition
    const deadlineMs = this.#spec.runMs - (performance.now() - this.#begunAt)
    const { generation } = link
    try {
      const call = { generation, run: this.id, attempt: this.#attempt, body: this.#spec.body, timeouts, deadlineMs }
      const calling = this.#spec.execute(call, this.#controller.signal)
      this.#actor.send({ type: 'run.written' })
      const response = await calling
      this.#startedBy(generation)
      this.#settle('succeeded', response)
    } catch (error) {
      if (this.#isSettled) return false
      if (error instanceof ConnectionLost) return await this.#judge(link, error)
      if (error instanceof ByteTimeout) this.#timeOut('firstByteMs or idleMs', undefined, error)
      else if (isAxonError(error)) return this.#refused(link, error)
      else this.#settle('failed', undefined, toAxonError(error))
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
    if (this.#link) this.#startedBy(this.#link.generation)
    if (!this.#isSettled) this.#actor.send({ type: 'run.streaming' })
  }

  /** By receipt, or by an answer that was read before it: they come on two connections. */
  #startedBy(generation: string): void {
    if (this.#isSettled || this.#started) return
    this.#started = true
    this.#actor.send({ type: 'run.started' })
    this.#around.tell({ type: 'run.started', agent: this.agent, run: this.id, generation })
  }

  /** The agent's own answer was an error. A refusal before user code, marked so, may go elsewhere. */
  #refused(link: Link, error: AxonError): boolean {
    if (error instanceof RunError && error.started === true) this.#startedBy(link.generation)
    if (error instanceof RunError && error.code === 'RUN_REJECTED' && error.started === false && !this.#started) {
      link.refuseRuns()
      return this.#requeue(error)
    }
    const outcome = outcomeOf(error)
    // The process has answered for the run; whether its code has ended is told apart from that.
    if (outcome !== 'failed' && this.#started) link.cancel(this.id, true)
    this.#settle(outcome, undefined, this.#started ? asStarted(error) : error)
    return false
  }

  /** The connection was lost. What the process receipted before it died decides what the caller may believe. */
  async #judge(link: Link, cause: ConnectionLost): Promise<boolean> {
    const { promise: patience, resolve } = Promise.withResolvers<'alive'>()
    const timer = this.#around.clock.setTimeout(() => resolve('alive'), judgeMs)
    const state = await Promise.race([link.gone.then(() => 'gone' as const), patience])
    this.#around.clock.clearTimeout(timer)
    if (this.#isSettled) return false
    if (!cause.isWritten && !this.#started) {
      const message = `Run ${this.id} did not start: ${link.generation} could not be reached. Try again.`
      return this.#requeue(this.#error('RUN_INTERRUPTED', message, false, cause, true))
    }
    if (state === 'alive') link.cancel(this.id, this.#started)
    if (this.#started) {
      const what = state === 'gone' ? 'its process died' : 'its connection broke'
      const message = `Run ${this.id} was interrupted: ${what} after the agent's code began. Run it again if that is safe.`
      this.#settle('interrupted', undefined, this.#error('RUN_INTERRUPTED', message, true, cause))
      return false
    }
    if (state === 'gone') {
      const message = `Run ${this.id} did not start: ${link.generation} died first. Try again.`
      return this.#requeue(this.#error('RUN_INTERRUPTED', message, false, cause, true))
    }
    const message = `The connection of run ${this.id} broke, and ${link.generation} did not say whether it began. Look before you run it again.`
    this.#settle('interrupted', undefined, this.#error('RUN_OUTCOME_UNKNOWN', message, undefined, cause))
    return false
  }

  #requeue(error: AxonError): boolean {
    if (this.#attempt >= maxAttempts) {
      this.#settle('interrupted', undefined, error)
      return false
    }
    const generation = this.#link?.generation ?? ''
    this.#attempt += 1
    this.#link = undefined
    this.#spec.record?.requeued(this.#attempt)
    this.#actor.send({ type: 'run.requeued' })
    this.#around.tell({ type: 'run.requeued', agent: this.agent, run: this.id, generation, attempt: this.#attempt })
    return true
  }

  #timeOut(which: string, ms: number | undefined, cause?: unknown): void {
    const limit = ms === undefined ? which : `${which} (${ms} ms)`
    const message = `Run ${this.id} of ${this.agent} was not done within ${limit}. Raise it in the agent's timeouts or in the call.`
    this.#stop('timed_out', (started) => this.#error('RUN_TIMEOUT', message, started, cause))
  }

  /** Settles before the process has answered, and tells the process to let go. */
  #stop(outcome: RunOutcome, error: (started: boolean | undefined) => RunError): void {
    if (this.#isSettled) return
    const link = this.#link
    // Without a receipt nothing is known of a run that was sent: its receipt may be on the way.
    const started = link === undefined ? false : this.#started || undefined
    link?.cancel(this.id, this.#started)
    const reason = error(started)
    this.#settle(outcome, undefined, reason)
    this.#controller.abort(reason)
  }

  #error(
    code: 'RUN_CANCELLED' | 'RUN_INTERRUPTED' | 'RUN_OUTCOME_UNKNOWN' | 'RUN_TIMEOUT',
    message: string,
    started: boolean | undefined,
    cause: unknown,
    retryable?: boolean,
  ): RunError {
    const context = { generation: this.#link?.generation }
    return new RunError(code, message, {
      run: this.id,
      agent: this.agent,
      started,
      attempt: this.#attempt,
      cause,
      retryable,
      context,
    })
  }

  #settle(outcome: RunOutcome, response?: RunResponse, error?: AxonError): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#around.clock.clearTimeout(this.#deadline)
    this.#spec.signal?.removeEventListener('abort', this.#onAbort)
    this.#actor.send({ type: 'run.settled', outcome, error })
    const started = outcome === 'succeeded' ? true : error instanceof RunError ? error.started : false
    const settlement = { status: outcome, started, attempt: this.#attempt, error }
    const recorded = this.#spec.record?.settled({ ...settlement, response })
    if (recorded) void recorded.then(() => this.#answer(settlement, response))
    else this.#answer(settlement, response)
  }

  #answer(settlement: Omit<Settlement, 'response'>, response: RunResponse | undefined): void {
    const { error } = settlement
    this.#around.tell({
      type: 'run.settled',
      agent: this.agent,
      run: this.id,
      ...settlement,
      durationMs: performance.now() - this.#begunAt,
      totalTokens: response?.usage.total_tokens,
    })
    if (response === undefined) this.#reject(error ?? new AxonError('INTERNAL_ERROR', 'A run ended without an error.'))
    else this.#resolve(response)
  }
}
