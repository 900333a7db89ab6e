/**
 * Owns the way of runs to one agent: a bounded queue, a bounded number in flight, and who is answered at once because no
 * process will come. A run's own life is run.ts.
 */
import { AxonError } from '../../errors.ts'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { Link } from '../process/link.ts'
import type { Run } from './run.ts'

export class Lane {
  definition: AgentDefinition
  #link: Link | undefined
  #queue: Run[] = []
  #inFlight = new Map<string, Run>()
  /** Set while waiting would be in vain. */
  #refusal: (() => AxonError) | undefined

  constructor(definition: AgentDefinition) {
    this.definition = definition
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
    if (this.#hasPlace && this.#queue.length === 0) return void this.#send(run)
    if (this.#queue.length >= this.definition.queue) return run.refuse(this.#full(run))
    this.#enqueue(run)
  }

  /** A process is ready: what waits goes there. */
  open(link: Link): void {
    this.#refusal = undefined
    this.#link = link
    link.listener = { onStarted: (run) => this.#inFlight.get(run)?.receipt(link.generation) }
    this.#flow()
  }

  /** Nothing new goes to the process; what waits goes on waiting, for the next one. */
  pause(): void {
    this.#refusal = undefined
    this.#link = undefined
  }

  /** No process will come for now: what waits, and what comes, is answered at once. */
  close(refusal: () => AxonError): void {
    this.#link = undefined
    this.#refusal = refusal
    for (const run of this.#queue.splice(0)) run.refuse(refusal())
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
    this.#inFlight.set(run.id, run)
    const mayRetry = await run.attempt(link)
    // A run that was cancelled has given its id away: another may go by it.
    if (this.#inFlight.get(run.id) === run) this.#inFlight.delete(run.id)
    if (mayRetry) this.#retry(run)
    this.#flow()
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
