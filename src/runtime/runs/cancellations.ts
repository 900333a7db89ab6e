/**
 * Owns the runs of one process that it was told to let go of, until it says that their code has ended. Code that goes on beyond
 * its grace has to be ended with its process: that is for the caller.
 */
import type { Clock } from '../clock.ts'

export interface CancellationsOptions {
  clock: Clock
  /** How long code may go on after its cancellation, in milliseconds. Read at each. */
  graceMs: () => number
  /** The code of this run goes on. */
  abandon: (run: string) => void
}

export class Cancellations {
  readonly #options: CancellationsOptions
  /** Timers, by run. Undefined until the first: most processes never have one. */
  #waiting: Map<string, unknown> | undefined

  constructor(options: CancellationsOptions) {
    this.#options = options
  }

  /** The process was told to let go of the run. */
  add(run: string): void {
    const { clock, graceMs, abandon } = this.#options
    this.settle(run)
    this.#waiting ??= new Map()
    const timer = clock.setTimeout(() => {
      this.#waiting?.delete(run)
      abandon(run)
    }, graceMs())
    this.#waiting.set(run, timer)
  }

  /** The run's code has ended, or is not there. */
  settle(run: string): void {
    if (this.#waiting === undefined || this.#waiting.size === 0) return
    const timer = this.#waiting.get(run)
    if (timer === undefined) return
    this.#options.clock.clearTimeout(timer)
    this.#waiting.delete(run)
  }

  /** The process is gone, and all its code with it. */
  close(): void {
    for (const timer of this.#waiting?.values() ?? []) this.#options.clock.clearTimeout(timer)
    this.#waiting = undefined
  }
}
