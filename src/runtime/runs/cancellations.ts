/**
 * Owns the attempts that one process was told to let go of, until it says that their code has ended. Code that goes on beyond
 * its grace has to be ended with its process: that is for the caller. An attempt for itself: the next one may be there as well.
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
  /** Timers, by attempt. Undefined until the first: most processes never have one. */
  #waiting: Map<string, unknown> | undefined

  constructor(options: CancellationsOptions) {
    this.#options = options
  }

  /** The process was told to let go of the attempt. */
  add(run: string, attempt: number): void {
    const { clock, graceMs, abandon } = this.#options
    this.settle(run, attempt)
    this.#waiting ??= new Map()
    const key = `${run}#${attempt}`
    const timer = clock.setTimeout(() => {
      this.#waiting?.delete(key)
      abandon(run)
    }, graceMs())
    this.#waiting.set(key, timer)
  }

  /** The attempt's code has ended, or is not there. */
  settle(run: string, attempt: number): void {
    if (this.#waiting === undefined || this.#waiting.size === 0) return
    const key = `${run}#${attempt}`
    const timer = this.#waiting.get(key)
    if (timer === undefined) return
    this.#options.clock.clearTimeout(timer)
    this.#waiting.delete(key)
  }

  /** The process is gone, and all its code with it. */
  close(): void {
    for (const timer of this.#waiting?.values() ?? []) this.#options.clock.clearTimeout(timer)
    this.#waiting = undefined
  }
}
