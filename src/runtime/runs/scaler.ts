/**
 * Owns when an agent is to have more or fewer replicas: a change is called for only where the load has called for it all the
 * while. How many there are, and how they come and go, is the pool's.
 */
import type { AgentDefinition } from '../../machines/definition.ts'
import type { Clock } from '../clock.ts'

export class Scaler {
  readonly #clock: Clock
  readonly #scale: (replicas: number) => void
  /** How many there are, or are about to be. */
  #current: number | undefined
  #direction: 'up' | 'down' | undefined
  /** The least change that the load has called for since `direction` was set. */
  #wanted = 0
  #timer: unknown

  constructor(clock: Clock, scale: (replicas: number) => void) {
    this.#clock = clock
    this.#scale = scale
  }

  /** The agent has, or is about to have, so many replicas. */
  count(replicas: number): void {
    this.#current = replicas
    this.rest()
  }

  /** @param load runs in flight and waiting */
  observe(load: number, { replicas, scaling }: AgentDefinition): void {
    const { min, max } = replicas
    if (max <= Math.max(1, min)) return this.rest()
    const current = this.#current ?? Math.max(1, min)
    const wanted = Math.min(max, Math.max(1, min, Math.ceil(load / scaling.target)))
    if (wanted === current) return this.rest()
    const direction = wanted > current ? 'up' : 'down'
    if (direction === this.#direction) {
      this.#wanted = direction === 'up' ? Math.min(this.#wanted, wanted) : Math.max(this.#wanted, wanted)
      return
    }
    this.rest()
    this.#direction = direction
    this.#wanted = wanted
    const delayMs = direction === 'up' ? scaling.upDelayMs : scaling.downDelayMs
    this.#timer = this.#clock.setTimeout(() => {
      this.#direction = undefined
      this.#scale(this.#wanted)
    }, delayMs)
  }

  /** Nothing is called for. */
  rest(): void {
    if (this.#direction === undefined) return
    this.#direction = undefined
    this.#clock.clearTimeout(this.#timer)
  }
}
