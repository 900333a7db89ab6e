/**
 * Owns the way of runs to one agent: a bounded queue, a bounded number in flight, and who is answered at once because no
 * process will come. It knows when there is nothing to do, and when an agent that rests is wanted again. A run's own life is
 * run.ts.
 */
import { AxonError } from '../../errors.ts'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { Clock } from '../clock.ts'
import type { Link } from '../process/link.ts'
import type { Run } from './run.ts'

export interface LaneOptions {
  clock: Clock
  /** The agent rests, and a run has come. */
  wake: () => void
  /** Its process has had nothing to do for `idleAfterMs`. */
  quiet: () => void
}

export class Lane {
  definition: AgentDefinition
  #options: LaneOptions
  #link: Link | undefined
  #queue: Run[] = []
  #inFlight = new Map<string, Run>()
  /** Set while waiting would be in vain. */
  #refusal: (() => AxonError) | undefined
  /** Nobody has started the agent, or it was let go because nobody called it. */
  #isResting = true
  #quietTimer: unknown

  constructor(definition: AgentDefinition, options: LaneOptions) {
    this.definition = definition
    this.#options = options
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  get queued(): number {
    return this.#queue.length
  }

  submit(run: Run): void {
    if (run.isSettled) return
    if (this.#refusal) return run.refuse(this.#refusal())
    if (this.#isResting) this.#wake()
    if (this.#hasPlace && this.#queue.length === 0) return void this.#send(run)
    if (this.#queue.length >= this.definition.queue) return run.refuse(this.#full(run))
    this.#enqueue(run)
  }

  /** A process is ready: what waits goes there. */
  open(link: Link): void {
    this.#leave()
    this.#link = link
    link.listener = { onStarted: (run) => this.#inFlight.get(run)?.receipt(link.generation) }
    this.#flow()
    this.#watchQuiet()
  }

  /** Nothing new goes to the process; what waits goes on waiting, for the next one. */
  pause(): void {
    this.#leave()
  }

  /** There is no process, and the next run is to start one. */
  rest(): void {
    this.#leave()
    this.#isResting = true
    if (this.#queue.length > 0) this.#wake()
  }

  /** No process will come for now: what waits, and what comes, is answered at once. */
  close(refusal: () => AxonError): void {
    this.#leave()
    this.#refusal = refusal
    for (const run of this.#queue.splice(0)) run.refuse(refusal())
  }

  #leave(): void {
    this.#refusal = undefined
    this.#link = undefined
    this.#isResting = false
    this.#unwatchQuiet()
  }

  #wake(): void {
    this.#isResting = false
    this.#options.wake()
  }

  #watchQuiet(): void {
    const { idleAfterMs } = this.definition
    if (idleAfterMs === undefined || this.#link === undefined || this.#inFlight.size > 0) return
    this.#unwatchQuiet()
    this.#quietTimer = this.#options.clock.setTimeout(this.#options.quiet, idleAfterMs)
  }

  #unwatchQuiet(): void {
    if (this.#quietTimer !== undefined) this.#options.clock.clearTimeout(this.#quietTimer)
    this.#quietTimer = undefined
  }

  get #hasPlace(): boolean {
    const link = this.#link
    return link?.takesRuns === true && this.#inFlight.size < this.definition.concurrency
  }

  #flow(): void {
    while (this.#hasPlace && this.#queue.length > 0) void this.#send(this.#queue.shift() as Run)
  }

  async #send(run: Run): Promise<void> {
    if (run.isSettled) return
    const link = this.#link as Link
    this.#unwatchQuiet()
    this.#inFlight.set(run.id, run)
    const mayRetry = await run.attempt(link)
    // A run that was cancelled has given its id away: another may go by it.
    if (this.#inFlight.get(run.id) === run) this.#inFlight.delete(run.id)
    if (mayRetry) this.#retry(run)
    this.#flow()
    this.#watchQuiet()
  }

  #retry(run: Run): void {
    if (this.#refusal) run.refuse(this.#refusal())
    else this.#enqueue(run)
  }

  #enqueue(run: Run): void {
    // Those that were sent before go first, in their order.
    const at = run.isRetried ? this.#queue.findIndex((other) => !other.isRetried) : -1
    this.#queue.splice(at === -1 ? this.#queue.length : at, 0, run)
    run.queue()
    // A run that settles while it waits, by deadline or cancel, gives up its place.
    void run.settled.then(() => {
      const at = this.#queue.indexOf(run)
      if (at !== -1) this.#queue.splice(at, 1)
    })
  }

  #full(run: Run): AxonError {
    const { name, queue } = this.definition
    const message = `Run ${run.id} was rejected: ${queue} runs wait for ${name} already. Try again later, or raise queue or concurrency.`
    return new AxonError('RUN_REJECTED', message, { agent: name, context: { run: run.id, retryAfterMs: 1_000 } })
  }
}
