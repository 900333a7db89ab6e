/**
 * Owns simulated time for code that lives between sockets and timers: a test can wait until a timer has been armed.
 */
import { SteppedClock } from '../../machines/stepped-clock.ts'

export class WatchedClock extends SteppedClock {
  readonly #armed: number[] = []
  #wake = () => {}

  override setTimeout(fn: () => void, ms: number): number {
    this.#armed.push(ms)
    this.#wake()
    return super.setTimeout(fn, ms)
  }

  /** Resolves when a timer of `ms` has been armed, at once where it was before. */
  async armed(ms: number): Promise<void> {
    while (!this.#armed.includes(ms)) await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}
