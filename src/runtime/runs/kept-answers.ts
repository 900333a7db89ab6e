/**
 * Owns the answers that are kept for idempotency keys, in memory.
 */
import type { RunError } from '../../errors.ts'
import type { RunResponse } from '../../protocol/run.ts'

/** How the run of a key ended. */
export interface KeptAnswer {
  /** The run's id. */
  run: string
  /** Of the request: another request with the same key is refused. */
  fingerprint: string
  outcome: { response: RunResponse } | { error: RunError }
}

export interface KeepPolicy {
  /** How long, in milliseconds. */
  keepMs: number
  /** Of how many keys of one agent; the oldest go first. */
  maxKeys: number
}

/** Forgets what is due when it is looked at or something is added: it needs no timers. */
export class KeptAnswers {
  readonly #now: () => number
  #agents = new Map<string, Map<string, { answer: KeptAnswer; dueAt: number }>>()

  /** @param now in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  find(agent: string, key: string): KeptAnswer | undefined {
    const kept = this.#agents.get(agent)?.get(key)
    return kept !== undefined && kept.dueAt > this.#now() ? kept.answer : undefined
  }

  keep(agent: string, key: string, answer: KeptAnswer, { keepMs, maxKeys }: KeepPolicy): void {
    const answers = this.#agents.get(agent) ?? new Map<string, { answer: KeptAnswer; dueAt: number }>()
    this.#agents.set(agent, answers)
    // The order of a Map is that of insertion: the oldest stand in front.
    answers.delete(key)
    answers.set(key, { answer, dueAt: this.#now() + keepMs })
    for (const [old, { dueAt }] of answers) {
      if (answers.size <= maxKeys && dueAt > this.#now()) break
      answers.delete(old)
    }
  }
}
