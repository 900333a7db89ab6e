/**
 * What supervised children cost: starting and stopping 1,000 and 100,000 of them, as static and as dynamic children, the ratio
 * of the two to a linear cost, and the memory of one.
 */
import { createSupervisor, type Supervisor } from 'axon-runtime/supervisor'
import { fromCallback } from 'xstate'
import type { BenchResult } from './main.ts'
import { round, summarize } from './statistics.ts'

const few = 1_000
const many = 100_000
/** A thousand are over so soon that the clock's grain and one collection would show: so many rounds of them are one measurement. */
const repeats = 10

let alive = 0
const logic = fromCallback(() => {
  alive += 1
  return () => {
    alive -= 1
  }
})

type Kind = 'static' | 'dynamic'
interface Cost {
  startMs: number
  stopMs: number
  bytesEach: number
}

export async function supervision(rounds = 3): Promise<BenchResult> {
  const gc = globalThis.gc
  if (gc === undefined) throw new Error('Memory is measured with node --expose-gc.')
  const figures: Record<string, unknown> = { few, many }
  const targets: BenchResult['targets'] = []
  for (const kind of ['static', 'dynamic'] as const) {
    await measure(kind, few, gc) // the compiler's
    const startRatios: number[] = []
    const stopRatios: number[] = []
    const costs: Cost[] = []
    for (let count = 0; count < rounds; count += 1) {
      const small = await average(kind, gc)
      const large = await measure(kind, many, gc)
      startRatios.push(large.startMs / (small.startMs * (many / few)))
      stopRatios.push(large.stopMs / (small.stopMs * (many / few)))
      costs.push(large)
    }
    const bytes = summarize(costs.map(({ bytesEach }) => bytesEach))
    const [start, stop] = [summarize(startRatios), summarize(stopRatios)]
    figures[`${kind}StartMs`] = summarize(costs.map(({ startMs }) => startMs))
    figures[`${kind}StopMs`] = summarize(costs.map(({ stopMs }) => stopMs))
    figures[`${kind}StartOverLinear`] = start
    figures[`${kind}StopOverLinear`] = stop
    figures[`${kind}BytesEach`] = bytes
    targets.push(
      { target: `${many} ${kind} children start within 10 times linear`, measured: start.p50, isMet: start.p50 <= 10 },
      { target: `${many} ${kind} children stop within 10 times linear`, measured: stop.p50, isMet: stop.p50 <= 10 },
    )
  }
  return { figures, targets }
}

async function average(kind: Kind, gc: () => void): Promise<Pick<Cost, 'startMs' | 'stopMs'>> {
  const costs: Cost[] = []
  for (let repeat = 0; repeat < repeats; repeat += 1) costs.push(await measure(kind, few, gc))
  const mean = (of: (cost: Cost) => number) => costs.reduce((sum, cost) => sum + of(cost), 0) / repeats
  return { startMs: mean(({ startMs }) => startMs), stopMs: mean(({ stopMs }) => stopMs) }
}

async function measure(kind: Kind, count: number, gc: () => void): Promise<Cost> {
  gc()
  const before = process.memoryUsage().heapUsed
  const begunAt = performance.now()
  const supervisor = await (kind === 'static' ? startStatic(count) : startDynamic(count))
  const startMs = round(performance.now() - begunAt)
  if (alive !== count) throw new Error('Not every child is alive.')
  gc()
  const bytesEach = Math.round((process.memoryUsage().heapUsed - before) / count)
  const stoppedAt = performance.now()
  await supervisor.stop()
  const stopMs = round(performance.now() - stoppedAt)
  if (alive !== 0) throw new Error('A child is left.')
  return { startMs, stopMs, bytesEach }
}

function startStatic(count: number): Promise<Supervisor> {
  return createSupervisor({
    children: Array.from({ length: count }, (_, index) => ({ id: `child-${index}`, logic })),
  }).start()
}

async function startDynamic(count: number): Promise<Supervisor> {
  const supervisor = await createSupervisor({ strategy: 'simple_one_for_one', child: { logic } }).start()
  for (let index = 0; index < count; index += 1) await supervisor.startChild(index)
  return supervisor
}
