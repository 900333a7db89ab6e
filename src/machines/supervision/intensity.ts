/**
 * Owns the count of restarts within a sliding time. One for each supervisor, whichever child it is that is restarted.
 */
export class Intensity {
  #times: number[] = []
  /** Where the window begins in `#times`; what lies before is dropped when it is more than half. */
  #first = 0

  /**
   * Counts a restart, and says whether it is permitted: `intensity` restarts within `periodMs` are, one more is not.
   * @param nowMs the same monotonic clock at every call
   */
  permits(intensity: number, periodMs: number, nowMs: number): boolean {
    this.#times.push(nowMs)
    while ((this.#times[this.#first] as number) < nowMs - periodMs) this.#first += 1
    if (this.#first * 2 > this.#times.length) {
      this.#times = this.#times.slice(this.#first)
      this.#first = 0
    }
    return this.count <= intensity
  }

  /** The restarts that were within the time when the last one was counted. */
  get count(): number {
    return this.#times.length - this.#first
  }

  clear(): void {
    this.#times = []
    this.#first = 0
  }
}
