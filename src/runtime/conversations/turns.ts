/**
 * Owns the order of those who want the same thing: one at a time for each key, in the order of asking. Nothing is kept of a key
 * that nobody wants.
 */

interface Waiting {
  begin: () => void
}

export class Turns {
  /** Those who wait, by key; there is an entry while somebody has the turn. */
  readonly #waiting = new Map<string, Waiting[]>()

  /** How many wait. */
  waiting(key: string): number {
    return this.#waiting.get(key)?.length ?? 0
  }

  /**
   * Resolves with the end of the turn, which is called once; undefined where `signal` was aborted before the turn came, and the
   * place was given up.
   */
  async take(key: string, signal: AbortSignal | undefined): Promise<(() => void) | undefined> {
    if (signal?.aborted) return undefined
    const queue = this.#waiting.get(key)
    if (queue === undefined) {
      this.#waiting.set(key, [])
      return () => this.#pass(key)
    }
    const hasTurn = await new Promise<boolean>((resolve) => {
      const waiting = { begin: () => settle(true) }
      const giveUp = () => {
        queue.splice(queue.indexOf(waiting), 1)
        settle(false)
      }
      const settle = (hasTurn: boolean) => {
        signal?.removeEventListener('abort', giveUp)
        resolve(hasTurn)
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      queue.push(waiting)
    })
    return hasTurn ? () => this.#pass(key) : undefined
  }

  #pass(key: string): void {
    const next = this.#waiting.get(key)?.shift()
    if (next === undefined) this.#waiting.delete(key)
    else next.begin()
  }
}
