/** What an agent costs that is registered and idle: time and memory, for the first as for the ten thousandth. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createAxon } from 'axon-runtime'
import { agentOptions } from './environment.ts'
import type { BenchResult } from './main.ts'
import { round } from './statistics.ts'

const count = 10_000
const edge = 1_000

export async function registry(): Promise<BenchResult> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const agents = Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`agent-${index}`, { ...agentOptions, autostart: false }]),
  )
  const at: number[] = []
  const axon = createAxon({ agents })
  axon.on('agent.spawned', () => at.push(performance.now()))
  collect()
  const before = process.memoryUsage().heapUsed
  const begunAt = performance.now()
  await axon.start()
  const registeredMs = round(performance.now() - begunAt)
  collect()
  const bytes = Math.round((process.memoryUsage().heapUsed - before) / count)
  const firstMs = (at[edge] as number) - (at[0] as number)
  const lastMs = (at[count - 1] as number) - (at[count - 1 - edge] as number)
  await axon.close()
  const lastOverFirst = round(lastMs / firstMs)
  return {
    figures: {
      agents: count,
      registeredMs,
      bytesEach: bytes,
      firstThousandMs: round(firstMs),
      lastThousandMs: round(lastMs),
      lastOverFirst,
    },
    targets: [
      { target: '10 000 agents registered within 300 ms', measured: registeredMs, isMet: registeredMs <= 300 },
      { target: 'at most 6 144 bytes each', measured: bytes, isMet: bytes <= 6_144 },
      { target: 'the last costs at most twice what the first did', measured: lastOverFirst, isMet: lastOverFirst <= 2 },
    ],
  }
}
