/**
 * Owns the figures of the last minute, of each agent and of all: how many runs settle, how long they take, how many come to nothing,
 * what they use. Who shows them asks for them; what is counted since the beginning is metering.ts and prometheus.ts.
 *
 * Durations are counted in steps of 2 %: that is how exact p50 and p99 are.
 */
import type { AxonEvent } from './catalogue.ts'
import { countedRestarts } from './restarts.ts'

/** Of 60 s, restarts of 10 min. What cannot be said is null. */
export interface Figures {
  /** Runs that settled, a second. */
  runsPerSecond: number
  /** From acceptance to the end, of all that were not rejected, in milliseconds. */
  p50Ms: number | null
  /** Null below 20 samples. */
  p99Ms: number | null
  /** How many durations there are. */
  samples: number
  /** Failed, timed out and interrupted, of those that settled. */
  errorRatio: number | null
  /** After crashes. */
  restarts: number
  /** What agents report of runs that succeeded. */
  inputTokensPerSecond: number | null
  outputTokensPerSecond: number | null
}

const windowS = 60
const restartsMs = 600_000
const fewestForP99 = 20
const step = Math.log(1.02)
/** In milliseconds; what is shorter counts as this. */
const shortestMs = 0.01

/** What settled in one second. */
class Second {
  at = -1
  settled = 0
  errors = 0
  samples = 0
  inputTokens: number | undefined
  outputTokens: number | undefined
  /** By step. */
  readonly durations = new Map<number, number>()

  begin(at: number): this {
    if (this.at === at) return this
    this.at = at
    this.settled = 0
    this.errors = 0
    this.samples = 0
    this.inputTokens = undefined
    this.outputTokens = undefined
    this.durations.clear()
    return this
  }
}

class Minute {
  readonly #seconds: Second[] = []
  #restarts: number[] = []

  /** @param place of its duration, in steps; undefined where it was rejected */
  settle(event: Extract<AxonEvent, { type: 'run.settled' }>, at: number, place: number | undefined): void {
    this.#seconds[at % windowS] ??= new Second()
    const second = (this.#seconds[at % windowS] as Second).begin(at)
    const { status, inputTokens, outputTokens } = event
    second.settled += 1
    if (status !== 'succeeded' && status !== 'cancelled') second.errors += 1
    if (inputTokens !== undefined) second.inputTokens = (second.inputTokens ?? 0) + inputTokens
    if (outputTokens !== undefined) second.outputTokens = (second.outputTokens ?? 0) + outputTokens
    if (place === undefined) return
    second.samples += 1
    second.durations.set(place, (second.durations.get(place) ?? 0) + 1)
  }

  restart(nowMs: number): void {
    this.#restarts.push(nowMs)
  }

  /** @param sinceS how long there was counting, in seconds: rates are of no longer */
  read(nowMs: number, sinceS: number): Figures {
    const now = Math.floor(nowMs / 1_000)
    const seconds = this.#seconds.filter((second) => second !== undefined && second.at > now - windowS)
    const overS = Math.max(1, Math.min(windowS, sinceS))
    const sum = (of: (second: Second) => number) => seconds.reduce((total, second) => total + of(second), 0)
    const perSecond = (of: (second: Second) => number | undefined) =>
      seconds.some((second) => of(second) !== undefined) ? sum((second) => of(second) ?? 0) / overS : null
    const settled = sum((second) => second.settled)
    const samples = sum((second) => second.samples)
    const [p50Ms = null, p99Ms = null] = quantiles(seconds, samples, [0.5, 0.99])
    this.#restarts = this.#restarts.filter((at) => at > nowMs - restartsMs)
    return {
      runsPerSecond: settled / overS,
      p50Ms,
      p99Ms: samples < fewestForP99 ? null : p99Ms,
      samples,
      errorRatio: settled === 0 ? null : sum((second) => second.errors) / settled,
      restarts: this.#restarts.length,
      inputTokensPerSecond: perSecond((second) => second.inputTokens),
      outputTokensPerSecond: perSecond((second) => second.outputTokens),
    }
  }
}

function placeOf(durationMs: number): number {
  return Math.max(0, Math.round(Math.log(durationMs / shortestMs) / step))
}

function quantiles(seconds: readonly Second[], samples: number, wanted: readonly number[]): number[] {
  if (samples === 0) return []
  const counts = new Map<number, number>()
  for (const { durations } of seconds)
    for (const [place, count] of durations) counts.set(place, (counts.get(place) ?? 0) + count)
  const places = [...counts].sort(([a], [b]) => a - b)
  return wanted.map((share) => {
    let left = Math.ceil(samples * share)
    for (const [place, count] of places) {
      left -= count
      if (left <= 0) return shortestMs * Math.exp(place * step)
    }
    return 0
  })
}

export class FigureCount {
  readonly #now: () => number
  readonly #begunAtMs: number
  readonly #agents = new Map<string, Minute>()
  readonly #all = new Minute()
  readonly #restarted: (event: AxonEvent) => void

  /** @param now any monotonic clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#begunAtMs = now()
    this.#restarted = countedRestarts((agent) => {
      this.#of(agent).restart(now())
      this.#all.restart(now())
    })
  }

  /** Hears every event. */
  hear(event: AxonEvent): void {
    switch (event.type) {
      case 'run.settled': {
        const at = Math.floor(this.#now() / 1_000)
        const place = event.error?.code === 'RUN_REJECTED' ? undefined : placeOf(event.durationMs)
        this.#of(event.agent).settle(event, at, place)
        this.#all.settle(event, at, place)
        return
      }
      case 'agent.retired':
        this.#agents.delete(event.agent)
        return
      default:
        this.#restarted(event)
    }
  }

  /** Undefined: of all. */
  read(agent?: string): Figures {
    const minute = agent === undefined ? this.#all : (this.#agents.get(agent) ?? new Minute())
    return minute.read(this.#now(), (this.#now() - this.#begunAtMs) / 1_000)
  }

  #of(agent: string): Minute {
    let minute = this.#agents.get(agent)
    if (minute === undefined) {
      minute = new Minute()
      this.#agents.set(agent, minute)
    }
    return minute
  }
}
