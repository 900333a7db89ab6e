import { metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { afterEach, expect, test } from 'vitest'
import { AxonError } from '../../../src/errors.ts'
import type { AgentSnapshot } from '../../../src/runtime/agent-view.ts'
import type { AxonEvent } from '../../../src/runtime/telemetry/catalogue.ts'
import { instruments } from '../../../src/runtime/telemetry/metering.ts'
import { Signals } from '../../../src/runtime/telemetry/signals.ts'
import { Telemetry } from '../../../src/runtime/telemetry/telemetry.ts'
import { definitionOf } from '../../machines/samples.ts'

afterEach(() => metrics.disable())

const writer = {
  name: 'writer',
  queued: 3,
  inFlight: 2,
  replicas: [{ generation: 'writer/0#1', resources: { rss: 1_000, cpu: 1.5, loopLagMs: 0, inFlight: 2 } }],
} as unknown as AgentSnapshot

const settled: AxonEvent = {
  type: 'run.settled',
  agent: 'writer',
  run: 'a',
  status: 'succeeded',
  started: true,
  attempt: 1,
  durationMs: 250,
  totalTokens: 7,
  inputTokens: 4,
  outputTokens: 3,
}

const error = new AxonError('PROCESS_EXITED', 'It ended.')

/** What the SDK has collected, by instrument: attributes and value. */
async function measured(tell: (telemetry: Telemetry) => void) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  metrics.setGlobalMeterProvider(provider)
  const telemetry = new Telemetry()
  const end = new Signals().start({
    on: (listener) => telemetry.on('*', listener),
    agents: () => [writer],
    definitionOf: () => definitionOf('writer', { model: 'openai:gpt-5' }),
  })
  tell(telemetry)
  await provider.forceFlush()
  end()
  const [collected] = exporter.getMetrics()
  await provider.shutdown()
  const found = collected?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
  return new Map(found.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints]))
}

test('every instrument is there, with the names of the GenAI conventions and Axon’s own', async () => {
  const points = await measured((telemetry) => {
    telemetry.tell(settled)
    telemetry.tell({ ...settled, status: 'timed_out', error: new AxonError('RUN_TIMEOUT', 'late') } as AxonEvent)
    const about = { agent: 'writer', generation: 'writer/0#1', error }
    const crash = {
      class: 'signal',
      error,
      generation: 'writer/0#1',
      code: null,
      signal: 'SIGKILL',
      lastLines: [],
    } as const
    telemetry.tell({ type: 'agent.crashed', ...about, crash, restarts: 0, wasReady: true })
    telemetry.tell({ type: 'agent.backoff', ...about, delayMs: 0 })
  })
  expect([...points.keys()].sort()).toEqual(Object.keys(instruments).sort())
  const agent = { 'gen_ai.agent.name': 'writer' }
  expect(points.get('axon.restarts')).toMatchObject([
    { attributes: { ...agent, 'axon.crash.class': 'signal' }, value: 1 },
  ])
  expect(points.get('axon.runs')).toMatchObject([
    { attributes: { ...agent, 'axon.run.outcome': 'succeeded' }, value: 1 },
    { attributes: { ...agent, 'axon.run.outcome': 'timed_out' }, value: 1 },
  ])
  expect(points.get('gen_ai.client.operation.duration')).toMatchObject([
    { attributes: { ...agent, 'gen_ai.provider.name': 'openai' }, value: { count: 1, sum: 0.25 } },
    { attributes: { 'error.type': 'RUN_TIMEOUT' }, value: { count: 1 } },
  ])
  expect(points.get('gen_ai.client.token.usage')?.slice(0, 2)).toMatchObject([
    { attributes: { 'gen_ai.token.type': 'input' }, value: { sum: 8 } },
    { attributes: { 'gen_ai.token.type': 'output' }, value: { sum: 6 } },
  ])
  expect(points.get('axon.queue.length')).toMatchObject([{ value: 3 }])
  expect(points.get('axon.runs.in_flight')).toMatchObject([{ value: 2 }])
  expect(points.get('axon.process.memory')).toMatchObject([
    { attributes: { ...agent, 'axon.generation': 'writer/0#1' }, value: 1_000 },
  ])
  expect(points.get('axon.process.cpu.time')).toMatchObject([{ value: 1.5 }])
})

test('without an SDK nobody listens', () => {
  let isHeard = false
  const on = () => {
    isHeard = true
    return () => {}
  }
  new Signals().start({ on, agents: () => [], definitionOf: () => undefined })()
  expect(isHeard).toBe(false)
})
