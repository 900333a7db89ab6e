/**
 * What it costs to be seen: echo runs a second at concurrency 16, and Node's processor time for each, over those of a system with
 * `openTelemetry: false`, by turns in one Node: with no SDK registered, with `createMetrics`, and with an SDK whose spans go nowhere.
 */
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { NoopSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { type Axon, createAxon, createMetrics } from 'axon-runtime'
import { benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'
import { Series } from './measures.ts'

const concurrency = 16
const runsInTurn = 2_000
const warmUpRuns = 8_000

export async function telemetry(rounds = 40): Promise<BenchResult> {
  const agents = { echo: { module: 'agents.echo', cwd: benchRoot, dependencies: [], concurrency } }
  const off = await createAxon({ agents, openTelemetry: false }).start()
  const on = await createAxon({ agents }).start()
  const metered = createAxon({ agents, openTelemetry: false })
  const metrics = createMetrics(metered)
  await metered.start()
  const provider = new TracerProvider({ spanProcessors: [new NoopSpanProcessor()] })
  const traced = async () => {
    trace.setGlobalTracerProvider(provider)
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    try {
      return await measure(on, runsInTurn)
    } finally {
      trace.disable()
      context.disable()
    }
  }
  const rates = new Series()
  const times = new Series()
  try {
    for (const axon of [off, on, metered]) await measure(axon, warmUpRuns)
    for (let turn = 0; turn < rounds; turn += 1) {
      // Before and after, so that a machine that grows slower or faster favours neither.
      const first = await measure(off, runsInTurn)
      const found = {
        idle: await measure(on, runsInTurn),
        prometheus: await measure(metered, runsInTurn),
        sdk: await traced(),
      }
      const last = await measure(off, runsInTurn)
      const rate = ({ perSecond }: Measured) => perSecond
      const time = ({ cpuMs }: Measured) => cpuMs
      rates.add({ off: (rate(first) + rate(last)) / 2, ...mapped(found, rate) })
      times.add({ off: (time(first) + time(last)) / 2, ...mapped(found, time) })
    }
  } finally {
    metrics.close()
    await Promise.all([off.close(), on.close(), metered.close()])
  }
  const ratios = (series: Series) => ({
    idle: series.ratio('idle', 'off'),
    prometheus: series.ratio('prometheus', 'off'),
    sdk: series.ratio('sdk', 'off'),
  })
  const idle = rates.ratio('idle', 'off')
  return {
    figures: {
      perSecond: rates.summaries(),
      perSecondOverOff: ratios(rates),
      cpuMsInTurn: times.summaries(),
      cpuOverOff: ratios(times),
    },
    targets: [
      {
        target: 'runs a second with no SDK registered at least 0.99 of those without',
        measured: idle,
        isMet: idle >= 0.99,
      },
    ],
  }
}

interface Measured {
  perSecond: number
  /** Of Node. */
  cpuMs: number
}

function mapped(found: Record<string, Measured>, figure: (measured: Measured) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(found).map(([name, measured]) => [name, figure(measured)]))
}

async function measure(axon: Axon, runs: number): Promise<Measured> {
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
  await Promise.all(Array.from({ length: concurrency }, worker))
  const seconds = (performance.now() - begunAt) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: runs / seconds, cpuMs: (user + system) / 1_000 }
}
