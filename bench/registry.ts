/** What agents cost that are registered and rest: time for all, for the first and the last of them, and memory. */
import { createAxon } from 'axon-runtime'
import { agentOptions } from './environment.ts'
import type { BenchResult } from './main.ts'
import { round, summarize } from './statistics.ts'

const count = 10_000
/** The first and the last agents are compared in groups of so many: a single one is over before the clock has moved. */
const group = 1_000

export async function registry(rounds = 7): Promise<BenchResult> {
  const gc = globalThis.gc
  if (gc === undefined) throw new Error('Memory is measured with node --expose-gc.')
  const allMs: number[] = []
  const bytesEach: number[] = []
  const growth: number[] = []
  for (let round = 0; round <= rounds; round += 1) {
    const measured = await measure(gc)
    if (round === 0) continue // the compiler's
    allMs.push(measured.allMs)
    bytesEach.push(measured.bytesEach)
    growth.push(measured.lastMs / measured.firstMs)
  }
  const [all, bytes, last] = [summarize(allMs), summarize(bytesEach), summarize(growth)]
  return {
    figures: { agents: count, allMs: all, bytesEach: bytes, lastOverFirst: last },
    targets: [
      { target: `${count} agents registered, p50 at most 300 ms`, measured: all.p50, isMet: all.p50 <= 300 },
      { target: 'memory of one at most 6 KB', measured: bytes.p50, isMet: bytes.p50 <= 6 * 1024 },
      { target: `the last ${group} at most 2 times the first`, measured: last.p50, isMet: last.p50 <= 2 },
    ],
  }
}

async function measure(gc: () => void) {
  const resting = { ...agentOptions, replicas: { min: 0, max: 1 } }
  const agents = Object.fromEntries(Array.from({ length: count }, (_, index) => [`agent-${index}`, resting]))
  gc()
  const before = process.memoryUsage().heapUsed
  const spawnedAt: number[] = []
  const begunAt = performance.now()
  const axon = createAxon({ agents })
  const createdAt = performance.now()
  const off = axon.on('agent.spawned', () => spawnedAt.push(performance.now()))
  await axon.start()
  const allMs = round(performance.now() - begunAt)
  off()
  if (axon.agents.length !== count) throw new Error('Not every agent is registered.')
  spawnedAt.unshift(createdAt)
  const firstMs = (spawnedAt[group] as number) - createdAt
  const lastMs = (spawnedAt[count] as number) - (spawnedAt[count - group] as number)
  spawnedAt.length = 0
  gc()
  const bytesEach = Math.round((process.memoryUsage().heapUsed - before) / count)
  await axon.close()
  return { allMs, firstMs, lastMs, bytesEach }
}
