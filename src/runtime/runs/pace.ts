/**
 * Owns how long the runs of an agent take, and from that when one that finds no room may try again.
 */

const minRetryAfterMs = 100
const maxRetryAfterMs = 60_000

export class Pace {
  /** On the way alone, without the queue: the last ones count most. */
  #meanMs: number | undefined

  /** A run took so long. */
  add(ms: number): void {
    this.#meanMs = (this.#meanMs ?? ms) * 0.9 + ms * 0.1
  }

  /** About when what waits now will have been begun, in milliseconds from now. */
  retryAfterMs(queued: number, places: number): number {
    if (this.#meanMs === undefined || places === 0) return 1_000
    const waitMs = (this.#meanMs * (queued + 1)) / places
    return Math.round(Math.min(maxRetryAfterMs, Math.max(minRetryAfterMs, waitMs)))
  }
}
