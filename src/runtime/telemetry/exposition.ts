/**
 * Owns Prometheus' text format, version 0.0.4: counters, gauges and histograms of one catalogue, written as lines. What is counted
 * is prometheus.ts.
 *
 * prom-client would do it too. It keeps each series until it is removed by name, and depends on OpenTelemetry's API; here gauges are
 * read when they are asked for, and an agent's series are one map that goes with it.
 */
import { type MetricEntry, type MetricName, metricCatalogue } from './metric-catalogue.ts'

export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

/** One value: of a counter or gauge. Labels in the order of the catalogue, the first is mostly the agent. */
export interface Sample {
  name: MetricName
  labels: readonly string[]
  value: number
}

/** Values sorted into buckets. */
export class Histogram {
  readonly bounds: readonly number[]
  readonly #counts: number[]
  sum = 0
  count = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.#counts = bounds.map(() => 0)
  }

  observe(value: number): void {
    this.sum += value
    this.count += 1
    const at = this.bounds.findIndex((bound) => value <= bound)
    if (at !== -1) this.#counts[at] = (this.#counts[at] ?? 0) + 1
  }

  /** How many values are at most each bound. */
  get cumulative(): number[] {
    let sum = 0
    return this.#counts.map((count) => {
      sum += count
      return sum
    })
  }
}

export interface HistogramSample {
  name: MetricName
  labels: readonly string[]
  histogram: Histogram
}

/** The whole text. Metrics without a value have their heading only. */
export function expose(samples: Iterable<Sample | HistogramSample>): string {
  const lines = new Map<string, string[]>(Object.keys(metricCatalogue).map((name) => [name, []]))
  for (const sample of samples) {
    const entry: MetricEntry = metricCatalogue[sample.name]
    const labels = entry.labels.map((label, at) => `${label}="${escapeLabel(sample.labels[at] ?? '')}"`)
    const told = lines.get(sample.name) ?? []
    if ('histogram' in sample) told.push(...histogramLines(sample, labels))
    else told.push(`${sample.name}${braced(labels)} ${numeral(sample.value)}`)
  }
  const blocks = Object.entries(metricCatalogue).map(([name, { kind, says }]) =>
    [`# HELP ${name} ${says}`, `# TYPE ${name} ${kind}`, ...(lines.get(name) ?? []), ''].join('\n'),
  )
  return blocks.join('')
}

function histogramLines({ name, histogram }: HistogramSample, labels: readonly string[]): string[] {
  const { bounds, cumulative, sum, count } = histogram
  const bucket = (bound: string, value: number) => `${name}_bucket${braced([...labels, `le="${bound}"`])} ${value}`
  return [
    ...bounds.map((bound, at) => bucket(numeral(bound), cumulative[at] ?? 0)),
    bucket('+Inf', count),
    `${name}_sum${braced(labels)} ${numeral(sum)}`,
    `${name}_count${braced(labels)} ${count}`,
  ]
}

function braced(labels: readonly string[]): string {
  return labels.length === 0 ? '' : `{${labels.join(',')}}`
}

function numeral(value: number): string {
  return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
