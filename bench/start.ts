/** From the start of an agent until it is ready: warm and cold by the same host, a hundred at once, and what each costs in memory. */
import { readFileSync } from 'node:fs'
import { createAxon } from 'axon-runtime'
import { agentOptions } from './environment.ts'
import type { BenchResult } from './main.ts'
import { round, summarize } from './statistics.ts'

export async function start(rounds = 60): Promise<BenchResult> {
  const axon = await createAxon({ agents: { first: { ...agentOptions, start: 'warm' } } }).start()
  try {
    const warm = summarize(await measure(axon, 'warm', rounds))
    const cold = summarize(await measure(axon, 'cold', Math.max(3, Math.round(rounds / 6))))
    const many = await measureMany(axon, 100)
    const ratio = round(cold.p50 / warm.p50)
    return {
      figures: { warmMs: warm, coldMs: cold, coldOverWarm: ratio, hundredReadyMs: many.readyMs, pssMb: many.pssMb },
      targets: [
        { target: 'start to ready, warm, p50 at most 20 ms', measured: warm.p50, isMet: warm.p50 <= 20 },
        { target: 'cold takes at least 30 times as long', measured: ratio, isMet: ratio >= 30 },
        { target: '100 agents ready within 2 500 ms', measured: many.readyMs, isMet: many.readyMs <= 2_500 },
        { target: 'PSS of an agent at most 15 MB', measured: many.pssMb.p50, isMet: many.pssMb.p50 <= 15 },
      ],
    }
  } finally {
    await axon.close()
  }
}

type System = Awaited<ReturnType<ReturnType<typeof createAxon>['start']>>

async function measure(axon: System, start: 'warm' | 'cold', rounds: number): Promise<number[]> {
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const begunAt = performance.now()
    await axon.spawn({ name: 'one', ...agentOptions, start })
    times.push(performance.now() - begunAt)
    await axon.retire('one')
  }
  return times
}

async function measureMany(axon: System, count: number) {
  const names = Array.from({ length: count }, (_, index) => `agent-${index}`)
  const begunAt = performance.now()
  await Promise.all(names.map((name) => axon.spawn({ name, ...agentOptions })))
  const readyMs = round(performance.now() - begunAt)
  const pss = names.map((name) => pssMb(axon.agent(name).snapshot()?.pid as number))
  return { readyMs, pssMb: summarize(pss) }
}

function pssMb(pid: number): number {
  const kb = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
  return Number(kb) / 1024
}
