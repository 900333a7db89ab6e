/**
 * Owns how many runs of one agent may be sent again, so that a fault of all its processes does not become a storm: 20 % of its
 * requests, and 10 a second. What was not used in the last ten seconds may be used at once.
 */
const sharePerRequest = 0.2
const perSecond = 10
const windowSeconds = 10

export class RetryBudget {
  readonly #now: () => number
  #at: number
  /** Requests that were counted already. */
  #counted = 0
  #byRequests = 0
  #byTime = perSecond * windowSeconds

  /** @param now in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#at = now()
  }

  /**
   * Takes one retry; false where there is none left. Counting is done here and not with each request, which costs it nothing.
   * @param requests how many there have been, ever
   */
  take(requests: number): boolean {
    const seconds = (this.#now() - this.#at) / 1_000
    const kept = Math.max(0, 1 - seconds / windowSeconds)
    const recent = Math.min(1, windowSeconds / seconds || 1)
    this.#byRequests = this.#byRequests * kept + (requests - this.#counted) * sharePerRequest * recent
    this.#byTime = Math.min(perSecond * windowSeconds, this.#byTime + perSecond * seconds)
    this.#counted = requests
    this.#at += seconds * 1_000
    if (this.#byRequests >= 1) this.#byRequests -= 1
    else if (this.#byTime >= 1) this.#byTime -= 1
    else return false
    return true
  }
}
