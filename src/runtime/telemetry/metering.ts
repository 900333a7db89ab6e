/**
 * Owns what is measured through OpenTelemetry's meter: GenAI's two histograms, and Axon's own instruments. Those that are observed
 * look at the agents when the SDK collects. The same figures for Prometheus are prometheus.ts.
 */
import type { Meter, ObservableResult } from '@opentelemetry/api'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { AgentSnapshot } from '../agent-view.ts'
import type { AxonEvent } from './catalogue.ts'
import { agentAttributes, names } from './conventions.ts'
import { durationBuckets, tokenBuckets } from './metric-catalogue.ts'
import { countedRestarts } from './restarts.ts'

export interface Metered {
  on: (listener: (event: AxonEvent) => void) => () => void
  agents: () => Iterable<AgentSnapshot>
  definitionOf: (agent: string) => AgentDefinition | undefined
}

/** Every instrument, as docs/observability.md has it. */
export const instruments = {
  'gen_ai.client.operation.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'Duration of a run, queue included.',
  },
  'gen_ai.client.token.usage': { kind: 'histogram', unit: '{token}', description: 'Tokens of a run that succeeded.' },
  'axon.runs': { kind: 'counter', unit: '{run}', description: 'Runs that have ended, by outcome.' },
  'axon.restarts': { kind: 'counter', unit: '{restart}', description: 'Restarts after a crash, by its class.' },
  'axon.queue.length': { kind: 'gauge', unit: '{run}', description: 'Runs that wait.' },
  'axon.runs.in_flight': { kind: 'gauge', unit: '{run}', description: 'Runs that were sent and have not ended.' },
  'axon.process.memory': { kind: 'gauge', unit: 'By', description: 'Resident memory of a process.' },
  'axon.process.cpu.time': { kind: 'observable counter', unit: 's', description: 'Processor time of a process.' },
} as const

/** Measures until the answer is called. */
export function startMetering(meter: Meter, { on, agents, definitionOf }: Metered): () => void {
  const about = (name: keyof typeof instruments) => {
    const { unit, description } = instruments[name]
    return { unit, description }
  }
  const histogram = (name: keyof typeof instruments, explicitBucketBoundaries: readonly number[]) =>
    meter.createHistogram(name, {
      ...about(name),
      advice: { explicitBucketBoundaries: [...explicitBucketBoundaries] },
    })
  const duration = histogram('gen_ai.client.operation.duration', durationBuckets)
  const tokens = histogram('gen_ai.client.token.usage', tokenBuckets)
  const runs = meter.createCounter('axon.runs', about('axon.runs'))
  const restarts = meter.createCounter('axon.restarts', about('axon.restarts'))
  const observed = [
    [
      meter.createObservableGauge('axon.queue.length', about('axon.queue.length')),
      each(agents, ({ name, queued }, result) => result.observe(queued, { [names.agent]: name })),
    ],
    [
      meter.createObservableGauge('axon.runs.in_flight', about('axon.runs.in_flight')),
      each(agents, ({ name, inFlight }, result) => result.observe(inFlight, { [names.agent]: name })),
    ],
    [
      meter.createObservableGauge('axon.process.memory', about('axon.process.memory')),
      each(agents, (agent, result) => observeReplicas(agent, result, ({ rss }) => rss)),
    ],
    [
      meter.createObservableCounter('axon.process.cpu.time', about('axon.process.cpu.time')),
      each(agents, (agent, result) => observeReplicas(agent, result, ({ cpu }) => cpu)),
    ],
  ] as const
  for (const [instrument, callback] of observed) instrument.addCallback(callback)
  const restarted = countedRestarts((agent, crash) => restarts.add(1, { [names.agent]: agent, [names.crash]: crash }))
  const off = on((event) => {
    restarted(event)
    if (event.type !== 'run.settled') return
    const attributes = agentAttributes(definitionOf(event.agent) ?? { name: event.agent })
    const { status, error, durationMs, inputTokens, outputTokens } = event
    runs.add(1, { [names.agent]: event.agent, [names.outcome]: status })
    duration.record(durationMs / 1_000, { ...attributes, ...(error && { [names.errorType]: error.code }) })
    if (inputTokens !== undefined) tokens.record(inputTokens, { ...attributes, [names.tokenType]: 'input' })
    if (outputTokens !== undefined) tokens.record(outputTokens, { ...attributes, [names.tokenType]: 'output' })
  })
  return () => {
    off()
    for (const [instrument, callback] of observed) instrument.removeCallback(callback)
  }
}

function each(
  agents: () => Iterable<AgentSnapshot>,
  observe: (agent: AgentSnapshot, result: ObservableResult) => void,
) {
  return (result: ObservableResult) => {
    for (const agent of agents()) observe(agent, result)
  }
}

function observeReplicas(
  { name, replicas }: AgentSnapshot,
  result: ObservableResult,
  figure: (resources: NonNullable<AgentSnapshot['resources']>) => number,
): void {
  for (const { generation, resources } of replicas)
    if (resources) result.observe(figure(resources), { [names.agent]: name, [names.generation]: generation })
}
