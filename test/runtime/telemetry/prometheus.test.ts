import { expect, test } from 'vitest'
import { AxonError } from '../../../src/errors.ts'
import type { AgentSnapshot } from '../../../src/runtime/agent-view.ts'
import type { AxonEvent } from '../../../src/runtime/telemetry/catalogue.ts'
import { expose, Histogram } from '../../../src/runtime/telemetry/exposition.ts'
import { createMetrics, type MetricsOptions } from '../../../src/runtime/telemetry/prometheus.ts'
import { Telemetry } from '../../../src/runtime/telemetry/telemetry.ts'

/** A system that is only said to exist, with these agents. */
function measured(agents: Partial<AgentSnapshot>[] = [], options?: MetricsOptions) {
  const telemetry = new Telemetry()
  const system = {
    on: telemetry.on.bind(telemetry),
    agents: agents.map(({ name }) => name),
    agent: (wanted: string) => ({ snapshot: () => agents.find(({ name }) => name === wanted) }),
    runs: { approvals: () => [{ agent: 'writer' }, { agent: 'writer' }] },
  }
  const metrics = createMetrics(system as never, options)
  const lines = () => metrics.text().split('\n')
  return { telemetry, metrics, lines, with: (part: string) => lines().filter((line) => line.includes(part)) }
}

const settled = (agent: string, more: object = {}) =>
  ({
    type: 'run.settled',
    agent,
    run: 'a',
    status: 'succeeded',
    started: true,
    attempt: 1,
    durationMs: 250,
    ...more,
  }) as AxonEvent

test('runs are counted by outcome, errors by code, durations into buckets, tokens by type', () => {
  const { telemetry, lines } = measured()
  telemetry.tell({ type: 'run.accepted', agent: 'writer', run: 'a' })
  telemetry.tell({ type: 'run.started', agent: 'writer', run: 'a', generation: 'writer/0#1' })
  telemetry.tell(settled('writer', { inputTokens: 4, outputTokens: 3, firstEventMs: 40 }))
  telemetry.tell(settled('writer', { status: 'timed_out', error: new AxonError('RUN_TIMEOUT', 'late') }))
  const told = lines()
  expect(told).toContain('axon_runs_total{agent="writer",outcome="succeeded"} 1')
  expect(told).toContain('axon_runs_total{agent="writer",outcome="timed_out"} 1')
  expect(told).toContain('axon_run_errors_total{agent="writer",code="RUN_TIMEOUT"} 1')
  expect(told).toContain('axon_run_duration_seconds_bucket{agent="writer",le="0.1"} 0')
  expect(told).toContain('axon_run_duration_seconds_bucket{agent="writer",le="0.25"} 2')
  expect(told).toContain('axon_run_duration_seconds_sum{agent="writer"} 0.5')
  expect(told).toContain('axon_run_start_seconds_count{agent="writer"} 1')
  expect(told).toContain('axon_run_first_event_seconds_count{agent="writer"} 1')
  expect(told).toContain('axon_tokens_total{agent="writer",type="input"} 4')
})

test('gauges are read from the agents as they are', () => {
  const resources = { rss: 1_000, cpu: 1.5, loopLagMs: 20, inFlight: 2, openFiles: 9 }
  const onRay = [{ id: 'k3x', rss: 2_000, cpu: 0.5, inFlight: 3 }, { id: 'starts' }]
  const replicas = [
    { generation: 'writer/0#1', state: 'ready', resources },
    { generation: 'writer/1#4', state: 'backoff', resources: undefined },
    { generation: 'writer/2#1', state: 'ready', application: { name: 'axon-writer', replicas: onRay } },
  ] as never
  const never = { name: 'rests', queued: 0, inFlight: 0, replicas: [] }
  const { lines, with: having } = measured([{ name: 'writer', queued: 3, inFlight: 2, replicas }, never])
  const told = lines()
  expect(told).toContain('axon_queue_length{agent="writer"} 3')
  expect(told).toContain('axon_runs_in_flight{agent="writer"} 2')
  expect(told).toContain('axon_approvals_waiting{agent="writer"} 2')
  expect(told).toContain('axon_replicas{agent="writer",state="backoff"} 1')
  expect(told).toContain('axon_process_resident_memory_bytes{agent="writer",replica="0"} 1000')
  expect(told).toContain('axon_process_cpu_seconds_total{agent="writer",replica="0"} 1.5')
  expect(told).toContain('axon_process_loop_lag_seconds{agent="writer",replica="0"} 0.02')
  expect(told).toContain('axon_process_resident_memory_bytes{agent="writer",replica="k3x"} 2000')
  expect(told).toContain('axon_process_cpu_seconds_total{agent="writer",replica="k3x"} 0.5')
  expect(told).toContain('axon_ray_replica_runs_in_flight{agent="writer",replica="k3x"} 3')
  expect(having('replica="starts"')).toEqual([])
  expect(having('rests')).toEqual([])
})

test('the series of an agent go with it', () => {
  const { telemetry, with: having } = measured()
  telemetry.tell(settled('writer'))
  expect(having('agent="writer"')).not.toEqual([])
  telemetry.tell({ type: 'agent.retired', agent: 'writer' })
  expect(having('agent="writer"')).toEqual([])
})

test('agents beyond the bound are counted together', () => {
  const { telemetry, lines, with: having } = measured([], { maxAgents: 2 })
  for (let at = 0; at < 50; at += 1) telemetry.tell(settled(`a${at}`))
  expect(lines()).toContain('axon_runs_total{agent="_other",outcome="succeeded"} 48')
  expect(having('axon_runs_total{')).toHaveLength(3)
})

test('after close nothing is counted, and an option that is wrong is told', () => {
  const { telemetry, metrics, with: having } = measured()
  metrics.close()
  telemetry.tell(settled('writer'))
  expect(having('writer"} ')).toEqual([])
  expect(() => measured([], { maxAgents: 0 })).toThrow(/maxAgents/)
})

test('labels are escaped, and a histogram ends in +Inf', () => {
  const histogram = new Histogram([1])
  for (const value of [0.5, 1, 7]) histogram.observe(value)
  const text = expose([{ name: 'axon_run_duration_seconds', labels: ['a"b\\c\n'], histogram }])
  const lines = text.split('\n').filter((line) => line.startsWith('axon_'))
  expect(lines).toEqual([
    'axon_run_duration_seconds_bucket{agent="a\\"b\\\\c\\n",le="1"} 2',
    'axon_run_duration_seconds_bucket{agent="a\\"b\\\\c\\n",le="+Inf"} 3',
    'axon_run_duration_seconds_sum{agent="a\\"b\\\\c\\n"} 8.5',
    'axon_run_duration_seconds_count{agent="a\\"b\\\\c\\n"} 3',
  ])
})
