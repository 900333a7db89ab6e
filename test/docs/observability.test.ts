import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { instruments } from '../../src/runtime/telemetry/metering.ts'
import { type MetricEntry, metricCatalogue } from '../../src/runtime/telemetry/metric-catalogue.ts'

const docs = join(import.meta.dirname, '../../docs')
const read = (name: string) => readFileSync(join(docs, name), 'utf8')
const page = read('observability.md')
const dashboard = JSON.parse(read('operations/grafana-dashboard.json'))
const rules: { alert: string; expr: string; annotations: Record<string, string> }[] = parse(
  read('operations/alerts.yaml'),
).groups.flatMap((group: { rules: unknown[] }) => group.rules)
const expressions: string[] = [
  ...dashboard.panels.flatMap((panel: { targets: { expr: string }[] }) => panel.targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.flatMap(({ definition }: { definition?: string }) => definition ?? []),
  ...rules.map(({ expr }) => expr),
]
const catalogue: Readonly<Record<string, MetricEntry>> = metricCatalogue

function rows(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  const table = section.split('\n').filter((line) => line.startsWith('| `'))
  return table.map((line) => line.split('|').map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')))
}

/** The metric of a series: a histogram has three. */
function metricOf(series: string): string {
  const base = series.replace(/_(bucket|sum|count)$/, '')
  return catalogue[base]?.kind === 'histogram' ? base : series
}

test('the page has every metric for Prometheus, with its kind, labels and meaning, in the same order', () => {
  const told = rows('Prometheus').map(([, name, kind, labels, says]) => [
    name,
    kind,
    labels?.replaceAll('`', '').split(', ').filter(Boolean),
    says,
  ])
  expect(told).toEqual(Object.entries(catalogue).map(([name, { kind, labels, says }]) => [name, kind, labels, says]))
})

test('the page has every instrument of OpenTelemetry', () => {
  const told = rows('Instruments of OpenTelemetry').map(([, ...cells]) => cells.slice(0, 4))
  const of = Object.entries(instruments).map(([name, { kind, unit, description }]) => [name, kind, unit, description])
  expect(told).toEqual(of)
})

test('the dashboard and the alerts name metrics and labels that exist, and histograms by their series', () => {
  expect(expressions.length).toBeGreaterThan(30)
  for (const expression of expressions) {
    const named = [...expression.matchAll(/\baxon_\w+/g)].map(([name]) => name)
    expect(named, expression).not.toEqual([])
    for (const name of named) expect(Object.keys(catalogue), expression).toContain(metricOf(name))
    const labels = new Set(['le', ...named.flatMap((name) => catalogue[metricOf(name)]?.labels ?? [])])
    const matched = [...expression.matchAll(/[{,](\w+)(?:=~|!=|!~|=)"/g)].map(([, label]) => label)
    const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, by]) => by?.split(', ') ?? [])
    for (const label of [...matched, ...grouped]) expect([...labels], expression).toContain(label)
    for (const histogram of named.filter((name) => catalogue[name]?.kind === 'histogram')) expect.fail(histogram)
    // A pair for each bracket, as far as that can be seen without a parser.
    for (const [open, close] of ['()', '{}', '[]'])
      expect(expression.split(open as string).length, expression).toBe(expression.split(close as string).length)
  }
})

test('the dashboard shows every metric, and each alert says what happened and what to try', () => {
  const shown = expressions.flatMap((expression) =>
    [...expression.matchAll(/\baxon_\w+/g)].map(([name]) => metricOf(name)),
  )
  expect(Object.keys(catalogue).filter((name) => !shown.includes(name))).toEqual([])
  for (const { alert, annotations } of rules) {
    expect(alert).toMatch(/^Axon[A-Z]/)
    expect(Object.keys(annotations)).toEqual(['summary', 'action'])
  }
})
