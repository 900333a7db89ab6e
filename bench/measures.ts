/** Owns what is measured of a call: how many a second, how long one takes, and series of such values that are compared turn by turn. */
import type { Axon } from 'axon-runtime'
import { round, type Summary, summarize } from './statistics.ts'

/** Calls a second, `width` under way at once. */
export async function rate(call: () => Promise<unknown>, width: number, seconds: number): Promise<number> {
  const begunAt = performance.now()
  const endsAt = begunAt + seconds * 1_000
  let calls = 0
  const worker = async () => {
    while (performance.now() < endsAt) {
      await call()
      calls += 1
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
  return round((calls * 1_000) / (performance.now() - begunAt))
}

/** Median of one call after the other, in milliseconds. */
export async function latency(call: () => Promise<unknown>, calls = 500): Promise<number> {
  const times: number[] = []
  for (let turn = 0; turn < calls; turn += 1) {
    const begunAt = performance.now()
    await call()
    times.push((performance.now() - begunAt) * 1_000)
  }
  return summarize(times).p50 / 1_000
}

/** What a number of calls has come to. */
export interface Cost {
  perSecond: number
  /** Of Node. */
  cpuMs: number
}

/** So many runs of an agent named `echo`, `width` under way at once. */
export async function costOfRuns(axon: Axon, runs: number, width: number): Promise<Cost> {
  const agent = axon.agent('echo')
  let left = runs
  const worker = async () => {
    while (left > 0) {
      left -= 1
      await agent.run({ prompt: 'Hello, agent!' })
    }
  }
  const cpu = process.cpuUsage()
  const begunAt = performance.now()
  await Promise.all(Array.from({ length: width }, worker))
  const seconds = (performance.now() - begunAt) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: runs / seconds, cpuMs: (user + system) / 1_000 }
}

/** Values by name, one of each for each turn. */
export class Series {
  readonly #values = new Map<string, number[]>()

  add(values: Record<string, number>): void {
    for (const [name, value] of Object.entries(values)) this.#values.set(name, [...this.#of(name), value])
  }

  /** The median of the ratios within each turn. */
  ratio(one: string, other: string): number {
    const others = this.#of(other)
    return summarize(this.#of(one).map((value, turn) => value / (others[turn] as number))).p50
  }

  summaries(): Record<string, Summary> {
    return Object.fromEntries([...this.#values].map(([name, values]) => [name, summarize(values)]))
  }

  means(): Record<string, number> {
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    return Object.fromEntries([...this.#values].map(([name, values]) => [name, mean(values)]))
  }

  #of(name: string): number[] {
    return this.#values.get(name) ?? []
  }
}
