/**
 * Owns simulated time for the tests of machines: SimulatedClock that goes from timer to timer, so that a timer that arms
 * another sees the time at which it was due.
 */
import { SimulatedClock } from 'xstate'

export class SteppedClock extends SimulatedClock {
  readonly #due = new Map<number, number>()

  override setTimeout(fn: () => void, ms: number): number {
    const id = super.setTimeout(() => {
      this.#due.delete(id)
      fn()
    }, ms)
    this.#due.set(id, this.now() + ms)
    return id
  }

  override clearTimeout(id: number): void {
    this.#due.delete(id)
    super.clearTimeout(id)
  }

  /** How many timers are armed. */
  get pending(): number {
    return this.#due.size
  }

  /** Lets time pass; every timer fires at its own moment. */
  advance(ms: number): void {
    const end = this.now() + ms
    for (;;) {
      const next = Math.min(...this.#due.values())
      if (next > end) break
      this.set(next)
    }
    this.set(end)
  }
}
