/** Owns the time of the reference: what waits to be done, one thing after the other, and how long the current one takes. */
export class Agenda {
  now = 0
  /** The time within the operation that goes on. It is done at once, and says how long it takes by moving this on. */
  within = 0
  #busyUntil = 0
  #inbox: (() => void)[] = []
  #timers: { at: number; what: () => void }[] = []

  get isIdle(): boolean {
    return this.#busyUntil <= this.now
  }

  post(what: () => void): void {
    this.#inbox.push(what)
    this.#serve()
  }

  later(ms: number, what: () => void): void {
    this.#timers.push({ at: this.within + ms, what })
  }

  forgetTimers(): void {
    this.#timers = []
  }

  advance(ms: number): void {
    const end = this.now + ms
    for (;;) {
      const waiting = this.#inbox.length > 0 ? [this.#busyUntil] : []
      const next = Math.min(...this.#timers.map(({ at }) => at), ...waiting)
      if (next > end) break
      this.now = Math.max(this.now, next)
      const due = this.#timers.filter(({ at }) => at <= this.now)
      this.#timers = this.#timers.filter(({ at }) => at > this.now)
      for (const { what } of due) this.#inbox.push(what)
      this.#serve()
    }
    this.now = end
  }

  #serve(): void {
    while (this.#inbox.length > 0 && this.isIdle) {
      this.within = this.now
      const what = this.#inbox.shift() as () => void
      what()
      this.#busyUntil = this.within
    }
  }
}
