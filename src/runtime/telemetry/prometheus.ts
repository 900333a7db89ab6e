/**
 * Owns what is counted for Prometheus, of a system's events from the moment it is asked for, and the look at its agents when it is
 * read. How it is written is exposition.ts, what there is metric-catalogue.ts.
 *
 * 1. Labels are of bounded sets: agents that are in the system, at most `maxAgents` of them, states, outcomes, codes and classes.
 *    Whatever agents are beyond that are counted together as `_other`, which is no agent's name.
 * 2. The series of an agent go with it.
 */
import * as z from 'zod'
import { AxonError, isAxonError } from '../../errors.ts'
import type { AgentSnapshot } from '../agent-view.ts'
import type { Axon } from '../axon.ts'
import type { AxonEvent } from './catalogue.ts'
import { contentType, expose, Histogram, type HistogramSample, type Sample } from './exposition.ts'
import { durationBuckets, type MetricName } from './metric-catalogue.ts'
import { countedRestarts } from './restarts.ts'

const metricsOptions = z.strictObject({
  /** Agents with series of their own; the others are counted together. Default 1 000. */
  maxAgents: z.int().positive().default(1_000),
})
export type MetricsOptions = z.input<typeof metricsOptions>

/** What is read of an `Axon`. */
type MeasuredSystem = Pick<Axon, 'on' | 'agents' | 'agent' | 'runs'>

/** What a system's metrics are read by. */
export interface Metrics {
  /** The `content-type` of `text()`. */
  readonly contentType: string
  /** All metrics as they are now, in Prometheus' text format. */
  text(): string
  /** Ends the counting. */
  close(): void
}

/**
 * Counts what happens in a system from now on, for Prometheus: make it before `start()`, and serve `text()` with its `contentType`.
 * @throws AxonError CONFIG_INVALID where an option is wrong
 */
export function createMetrics(axon: MeasuredSystem, options: MetricsOptions = {}): Metrics {
  const parsed = metricsOptions.safeParse(options)
  if (!parsed.success)
    throw new AxonError(
      'CONFIG_INVALID',
      `The options of createMetrics are not valid: ${z.prettifyError(parsed.error)}`,
    )
  const counts = new Counts(parsed.data.maxAgents)
  const off = axon.on('*', (event) => counts.hear(event))
  const text = () => {
    counts.keep(axon.agents)
    return expose([...counts.samples(), ...looked(axon, counts)])
  }
  return { contentType, text, close: off }
}

const otherAgents = '_other'

/** The series of one agent. */
class AgentCounts {
  readonly #counters = new Map<string, Sample>()
  readonly #histograms = new Map<MetricName, HistogramSample>()
  readonly #agent: string

  constructor(agent: string) {
    this.#agent = agent
  }

  add(name: MetricName, value = 1, label?: string): void {
    const key = `${name} ${label}`
    let sample = this.#counters.get(key)
    if (sample === undefined) {
      sample = { name, labels: label === undefined ? [this.#agent] : [this.#agent, label], value: 0 }
      this.#counters.set(key, sample)
    }
    sample.value += value
  }

  observe(name: MetricName, ms: number): void {
    let sample = this.#histograms.get(name)
    if (sample === undefined) {
      sample = { name, labels: [this.#agent], histogram: new Histogram(durationBuckets) }
      this.#histograms.set(name, sample)
    }
    sample.histogram.observe(ms / 1_000)
  }

  *samples(): Generator<Sample | HistogramSample> {
    yield* this.#counters.values()
    yield* this.#histograms.values()
  }
}

class Counts {
  readonly #maxAgents: number
  readonly #agents = new Map<string, AgentCounts>()
  /** When runs were accepted that have not begun, and when processes were started that are not ready. */
  readonly #accepted = new Map<string, number>()
  readonly #starting = new Map<string, number>()
  #hostsLost = 0
  #isJournalFailing = false
  #isLogFailing = false
  #logDropped = 0
  readonly #restarted = countedRestarts((agent, crash) => this.#of(agent).add('axon_restarts_total', 1, crash))

  constructor(maxAgents: number) {
    this.#maxAgents = maxAgents
  }

  /** The label of an agent: its name, or that of all those beyond the bound. */
  labelOf(agent: string): string {
    return this.#agents.has(agent) || this.#agents.size < this.#maxAgents ? agent : otherAgents
  }

  /** Runs of an agent may end after it has left: what they have counted goes too. All have gone where the system has ended. */
  keep(agents: readonly string[]): void {
    const kept = new Set([...agents, otherAgents])
    if (agents.length > 0) for (const agent of this.#agents.keys()) if (!kept.has(agent)) this.#agents.delete(agent)
  }

  hear(event: AxonEvent): void {
    this.#restarted(event)
    switch (event.type) {
      case 'run.accepted':
        this.#accepted.set(event.run, performance.now())
        return
      case 'run.started':
        return this.#begun(event.agent, event.run)
      case 'run.requeued':
        return this.#of(event.agent).add('axon_run_retries_total')
      case 'run.abandoned':
        return this.#of(event.agent).add('axon_runs_abandoned_total')
      case 'run.settled':
        return this.#settled(event)
      case 'tool.returned':
        return this.#of(event.agent).add('axon_tool_calls_total', 1, 'returned')
      case 'tool.failed':
        return this.#of(event.agent).add('axon_tool_calls_total', 1, 'failed')
      case 'agent.crashed':
        this.#starting.delete(event.generation)
        return this.#of(event.agent).add('axon_crashes_total', 1, event.crash.class)
      case 'environment.ready':
        return this.#of(event.agent).observe('axon_provisioning_seconds', event.environment.elapsedMs)
      case 'agent.starting':
        this.#starting.set(event.generation, performance.now())
        return
      case 'agent.ready': {
        const begunAt = this.#starting.get(event.generation)
        this.#starting.delete(event.generation)
        if (begunAt !== undefined) this.#of(event.agent).observe('axon_start_seconds', performance.now() - begunAt)
        return
      }
      case 'agent.stopped':
      case 'agent.idle':
        this.#starting.delete(event.generation)
        return
      case 'agent.retired':
        this.#agents.delete(event.agent)
        return
      case 'host.lost':
        this.#hostsLost += 1
        return
      case 'journal.failed':
      case 'journal.restored':
        this.#isJournalFailing = event.type === 'journal.failed'
        return
      case 'log.failed':
        this.#isLogFailing = true
        return
      case 'log.restored':
        this.#isLogFailing = false
        this.#logDropped += event.dropped
    }
  }

  *samples(): Generator<Sample | HistogramSample> {
    for (const counts of this.#agents.values()) yield* counts.samples()
    yield { name: 'axon_hosts_lost_total', labels: [], value: this.#hostsLost }
    yield { name: 'axon_journal_failing', labels: [], value: Number(this.#isJournalFailing) }
    yield { name: 'axon_log_failing', labels: [], value: Number(this.#isLogFailing) }
    yield { name: 'axon_log_dropped_total', labels: [], value: this.#logDropped }
  }

  #begun(agent: string, run: string): void {
    const acceptedAt = this.#accepted.get(run)
    this.#accepted.delete(run)
    if (acceptedAt !== undefined) this.#of(agent).observe('axon_run_start_seconds', performance.now() - acceptedAt)
  }

  #settled(event: Extract<AxonEvent, { type: 'run.settled' }>): void {
    const { agent, run, status, error, durationMs, firstEventMs, inputTokens, outputTokens } = event
    this.#accepted.delete(run)
    const counts = this.#of(agent)
    counts.add('axon_runs_total', 1, status)
    counts.observe('axon_run_duration_seconds', durationMs)
    if (error) counts.add('axon_run_errors_total', 1, error.code)
    if (firstEventMs !== undefined) counts.observe('axon_run_first_event_seconds', firstEventMs)
    if (inputTokens !== undefined) counts.add('axon_tokens_total', inputTokens, 'input')
    if (outputTokens !== undefined) counts.add('axon_tokens_total', outputTokens, 'output')
  }

  #of(agent: string): AgentCounts {
    const label = this.labelOf(agent)
    let counts = this.#agents.get(label)
    if (counts === undefined) {
      counts = new AgentCounts(label)
      this.#agents.set(label, counts)
    }
    return counts
  }
}

/** What is read rather than counted. Agents that were never started have no series. */
function looked(axon: MeasuredSystem, counts: Counts): Sample[] {
  const sums = new Map<string, Sample>()
  const add = (name: MetricName, value: number, ...labels: string[]) => {
    const key = [name, ...labels].join(' ')
    const sample = sums.get(key)
    if (sample) sample.value += value
    else sums.set(key, { name, labels, value })
  }
  const waiting = waitingBy(axon)
  for (const agent of viewed(axon)) {
    const label = counts.labelOf(agent.name)
    add('axon_queue_length', agent.queued, label)
    add('axon_runs_in_flight', agent.inFlight, label)
    add('axon_approvals_waiting', waiting.get(agent.name) ?? 0, label)
    for (const { generation, state, resources, application } of agent.replicas) {
      add('axon_replicas', 1, label, state)
      if (label === otherAgents) continue
      for (const { id, rss, cpu, inFlight } of application?.replicas ?? []) {
        if (rss !== undefined) add('axon_process_resident_memory_bytes', rss, label, id)
        if (cpu !== undefined) add('axon_process_cpu_seconds_total', cpu, label, id)
        if (inFlight !== undefined) add('axon_ray_replica_runs_in_flight', inFlight, label, id)
      }
      if (resources === undefined) continue
      const replica = generation.slice(generation.indexOf('/') + 1, generation.indexOf('#'))
      add('axon_process_resident_memory_bytes', resources.rss, label, replica)
      add('axon_process_cpu_seconds_total', resources.cpu, label, replica)
      add('axon_process_loop_lag_seconds', resources.loopLagMs / 1_000, label, replica)
      if (typeof resources.openFiles === 'number') add('axon_process_open_files', resources.openFiles, label, replica)
    }
  }
  return [...sums.values()]
}

function viewed(axon: MeasuredSystem): AgentSnapshot[] {
  return axon.agents
    .map((name) => axon.agent(name).snapshot())
    .filter((agent) => agent !== undefined)
    .filter(({ replicas, queued }) => replicas.length > 0 || queued > 0)
}

/** How many calls of each agent wait for a person. */
function waitingBy(axon: MeasuredSystem): Map<string, number> {
  const waiting = new Map<string, number>()
  for (const { agent } of approvalsOf(axon)) waiting.set(agent, (waiting.get(agent) ?? 0) + 1)
  return waiting
}

/** None before the start and after the end. */
function approvalsOf(axon: MeasuredSystem): readonly { agent: string }[] {
  try {
    return axon.runs.approvals()
  } catch (error) {
    if (isAxonError(error)) return []
    throw error
  }
}
