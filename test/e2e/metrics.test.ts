import { execFileSync } from 'node:child_process'
import { beforeAll, expect, test } from 'vitest'
import { createMetrics, ensureEnvironment } from '../../src/index.ts'
import { metricCatalogue } from '../../src/runtime/telemetry/metric-catalogue.ts'
import { agent, cacheDir, fixtures, newAxon, next, quickly } from './axon.ts'

interface Family {
  name: string
  type: string
  help: string
  samples: { name: string; labels: Record<string, string>; value: number }[]
}

const script = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families as parse
print(json.dumps([
    {"name": f.name, "type": f.type, "help": f.documentation,
     "samples": [{"name": s.name, "labels": s.labels, "value": s.value} for s in f.samples]}
    for f in parse(sys.stdin.read())
]))
`
let python: string

beforeAll(async () => {
  const made = await ensureEnvironment({ cwd: fixtures, dependencies: ['prometheus-client'] }, { cacheDir })
  python = made.python
})

/** As Prometheus' own client reads it. */
const parsed = (text: string): Family[] =>
  JSON.parse(execFileSync(python, ['-c', script], { input: text, encoding: 'utf8' }))

test('a system that runs, streams and restarts is read by Prometheus’ own parser, family by family', async () => {
  const axon = newAxon({
    agents: { echo: agent('echo', { restart: quickly }), rests: agent('echo', { replicas: { min: 0, max: 1 } }) },
  })
  const metrics = createMetrics(axon)
  // What belongs to no agent.
  expect(parsed(metrics.text()).flatMap(({ samples }) => samples)).toHaveLength(4)
  await axon.start()
  const beat = next(axon, 'process.heartbeat')
  await axon.agent('echo').run({ prompt: 'hi' })
  await axon.agent('echo').stream({ prompt: 'hi' }).result
  await axon
    .agent('echo')
    .run({ prompt: 'hi' }, { runMs: 0.001 })
    .catch(() => {})
  await beat
  const restarted = next(axon, 'agent.ready')
  process.kill(axon.agent('echo').snapshot()?.pid as number, 'SIGKILL')
  await restarted
  await next(axon, 'process.heartbeat')

  const families = parsed(metrics.text())
  const bare = (name: string) => name.replace(/_total$/, '')
  expect(families.map(({ name, type, help }) => [name, type, help])).toEqual(
    Object.entries(metricCatalogue).map(([name, { kind, says }]) => [
      kind === 'counter' ? bare(name) : name,
      kind,
      says,
    ]),
  )
  const samples = families.flatMap((family) => family.samples)
  const value = (name: string, labels: Record<string, string> = {}) =>
    samples.find((one) => one.name === name && Object.entries(labels).every(([key, of]) => one.labels[key] === of))
      ?.value
  expect(value('axon_runs_total', { outcome: 'succeeded' })).toBe(2)
  expect(value('axon_runs_total', { outcome: 'timed_out' })).toBe(1)
  expect(value('axon_run_errors_total', { code: 'RUN_TIMEOUT' })).toBe(1)
  expect(value('axon_run_duration_seconds_count')).toBe(3)
  expect(value('axon_crashes_total', { class: 'signal' })).toBe(1)
  expect(value('axon_restarts_total', { agent: 'echo', class: 'signal' })).toBe(1)
  expect(value('axon_replicas', { agent: 'echo', state: 'ready' })).toBe(1)
  expect(value('axon_start_seconds_count', { agent: 'echo' })).toBe(2)
  expect(value('axon_provisioning_seconds_count', { agent: 'echo' })).toBe(2)
  expect(value('axon_process_resident_memory_bytes', { agent: 'echo', replica: '0' })).toBeGreaterThan(1e6)
  expect(value('axon_queue_length', { agent: 'echo' })).toBe(0)
  expect(samples.filter(({ labels }) => labels.agent === 'rests')).toEqual([])

  await axon.retire('echo')
  expect(
    parsed(metrics.text())
      .flatMap((family) => family.samples)
      .filter(({ labels }) => labels.agent),
  ).toEqual([])
})
