/**
 * Owns which runs of an agent are taken on at all, by its `rate` and its `usage`: an agent with neither has no Admission. How many
 * run or wait at once is the lane's.
 */
import { AxonError } from '../../errors.ts'
import type { AgentDefinition } from '../../machines/definition.ts'

/** Tokens are counted in so many slices of `perMs`: a slice leaves the count as a whole. */
const slices = 60

export class Admission {
  readonly #now: () => number
  /** Runs that may be taken on at once, as of `#at`; undefined before the first. */
  #left: number | undefined
  #at = 0
  /** Tokens of runs that have ended, oldest first. */
  #spent: { at: number; tokens: number }[] = []

  /** @param now in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Why a run is not taken on now; undefined where it is, which counts it. */
  refusal(definition: AgentDefinition, run: string): AxonError | undefined {
    return this.#overUsage(definition, run) ?? this.#overRate(definition, run)
  }

  /** A run has ended that used so many tokens. */
  spend(tokens: number, { usage }: AgentDefinition): void {
    if (usage === undefined || tokens === 0) return
    const now = this.#now()
    const last = this.#spent.at(-1)
    if (last !== undefined && now - last.at < usage.perMs / slices) last.tokens += tokens
    else this.#spent.push({ at: now, tokens })
    this.#forget(usage.perMs)
  }

  #overRate({ name, rate }: AgentDefinition, run: string): AxonError | undefined {
    if (rate === undefined) return undefined
    const now = this.#now()
    const { perSecond, burst } = rate
    this.#left = Math.min(burst, (this.#left ?? burst) + ((now - this.#at) / 1_000) * perSecond)
    this.#at = now
    // Whoever comes back after `retryAfterMs` is not turned away for a rounding.
    if (this.#left >= 1 - 1e-6) {
      this.#left -= 1
      return undefined
    }
    const retryAfterMs = Math.ceil(((1 - this.#left) / perSecond) * 1_000 - 1e-3)
    const message = `Run ${run} was rejected: ${name} takes ${perSecond} runs a second, and ${burst} at once. Try again later, or raise rate.`
    return rejected(name, message, { run, reason: 'rate', retryAfterMs })
  }

  #overUsage({ name, usage }: AgentDefinition, run: string): AxonError | undefined {
    if (usage === undefined) return undefined
    this.#forget(usage.perMs)
    let used = this.#spent.reduce((sum, { tokens }) => sum + tokens, 0)
    if (used < usage.totalTokens) return undefined
    const usedTokens = used
    const until = this.#spent.find(({ tokens }) => {
      used -= tokens
      return used < usage.totalTokens
    })
    const retryAfterMs = Math.ceil((until?.at ?? 0) + usage.perMs - this.#now())
    const message = `Run ${run} was rejected: ${name} has used ${usedTokens} tokens within ${usage.perMs} ms, and may use ${usage.totalTokens}. Try again later, or raise usage.`
    return rejected(name, message, { run, reason: 'usage', usedTokens, retryAfterMs })
  }

  #forget(perMs: number): void {
    const since = this.#now() - perMs
    while (this.#spent[0] !== undefined && this.#spent[0].at <= since) this.#spent.shift()
  }
}

function rejected(agent: string, message: string, context: Record<string, unknown>): AxonError {
  return new AxonError('RUN_REJECTED', message, { agent, context })
}
