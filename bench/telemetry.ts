/**
 * What it costs to be seen: echo runs a second at concurrency 16, and Node's processor time for each, over those of a system with
 * `openTelemetry: false`, by turns in one Node: with no SDK registered, with `createMetrics`, and with an SDK whose spans go nowhere.
 */
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { NoopSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { createAxon, createMetrics } from 'axon-runtime'
import { benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'
import { type Cost, costOfRuns, Series } from './measures.ts'

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
      return await costOfRuns(on, runsInTurn, concurrency)
    } finally {
      trace.disable()
      context.disable()
    }
  }
  const rates = new Series()
  const times = new Series()
  try {
    for (const axon of [off, on, metered]) await costOfRuns(axon, warmUpRuns, concurrency)
    for (let turn = 0; turn < rounds; turn += 1) {
      // Before and after, so that a machine that grows slower or faster favours neither.
      const first = await costOfRuns(off, runsInTurn, concurrency)
      const found = {
        idle: await costOfRuns(on, runsInTurn, concurrency),
        prometheus: await costOfRuns(metered, runsInTurn, concurrency),
        sdk: await traced(),
      }
      const last = await costOfRuns(off, runsInTurn, concurrency)
      const rate = ({ perSecond }: Cost) => perSecond
      const time = ({ cpuMs }: Cost) => cpuMs
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

function mapped(found: Record<string, Cost>, figure: (measured: Cost) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(found).map(([name, measured]) => [name, figure(measured)]))
}
