/**
 * Owns the catalogue of Prometheus metrics: every name, its kind, labels and meaning. docs/observability.md has the same, and the
 * dashboard and the alert rules in docs/operations use no other.
 */

export interface MetricEntry {
  kind: 'counter' | 'gauge' | 'histogram'
  labels: readonly string[]
  says: string
}

/** Bounds in seconds. */
export const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
/** As the GenAI conventions advise. */
export const tokenBuckets = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576]

export const metricCatalogue = {
  axon_runs_total: {
    kind: 'counter',
    labels: ['agent', 'outcome'],
    says: 'Runs that have ended: succeeded, failed, cancelled, timed_out or interrupted.',
  },
  axon_run_errors_total: {
    kind: 'counter',
    labels: ['agent', 'code'],
    says: 'Runs that ended with an error, by its code.',
  },
  axon_run_retries_total: {
    kind: 'counter',
    labels: ['agent'],
    says: 'Attempts that came to nothing and whose run was sent again.',
  },
  axon_runs_abandoned_total: {
    kind: 'counter',
    labels: ['agent'],
    says: 'Runs whose code ignored its cancellation.',
  },
  axon_run_duration_seconds: {
    kind: 'histogram',
    labels: ['agent'],
    says: 'From the acceptance of a run to its end, queue included.',
  },
  axon_run_start_seconds: {
    kind: 'histogram',
    labels: ['agent'],
    says: 'From the acceptance of a run to the receipt that its code begins, of its first attempt.',
  },
  axon_run_first_event_seconds: {
    kind: 'histogram',
    labels: ['agent'],
    says: "From the acceptance of a streamed run to the agent's first event.",
  },
  axon_tokens_total: {
    kind: 'counter',
    labels: ['agent', 'type'],
    says: 'Tokens of runs that succeeded, input and output.',
  },
  axon_tool_calls_total: {
    kind: 'counter',
    labels: ['agent', 'outcome'],
    says: 'Calls of tools that Node has: returned or failed.',
  },
  axon_queue_length: { kind: 'gauge', labels: ['agent'], says: 'Runs that wait.' },
  axon_runs_in_flight: { kind: 'gauge', labels: ['agent'], says: 'Runs that were sent and have not ended.' },
  axon_approvals_waiting: {
    kind: 'gauge',
    labels: ['agent'],
    says: 'Tool calls that wait for a person.',
  },
  axon_replicas: { kind: 'gauge', labels: ['agent', 'state'], says: 'Replicas in each state that one is in.' },
  axon_crashes_total: { kind: 'counter', labels: ['agent', 'class'], says: 'Processes that were lost, by class.' },
  axon_restarts_total: {
    kind: 'counter',
    labels: ['agent', 'class'],
    says: 'Restarts after a crash, by the class of the crash.',
  },
  axon_provisioning_seconds: {
    kind: 'histogram',
    labels: ['agent'],
    says: 'Making or checking an environment that became ready.',
  },
  axon_start_seconds: {
    kind: 'histogram',
    labels: ['agent'],
    says: 'From the start of a process to its readiness, provisioning excluded.',
  },
  axon_process_resident_memory_bytes: {
    kind: 'gauge',
    labels: ['agent', 'replica'],
    says: "Resident memory of a process, as it last told; on Ray of each of Ray's replicas, named by Ray's id.",
  },
  axon_process_cpu_seconds_total: {
    kind: 'counter',
    labels: ['agent', 'replica'],
    says: "Processor time of a replica's process, on Ray of each of Ray's; it begins anew with each process.",
  },
  axon_process_open_files: { kind: 'gauge', labels: ['agent', 'replica'], says: 'Open descriptors of a process.' },
  axon_process_loop_lag_seconds: {
    kind: 'gauge',
    labels: ['agent', 'replica'],
    says: "How late a process's event loop runs.",
  },
  axon_ray_replica_runs_in_flight: {
    kind: 'gauge',
    labels: ['agent', 'replica'],
    says: "Runs that one of Ray's replicas has, of every system that faces the cluster.",
  },
  axon_hosts_lost_total: { kind: 'counter', labels: [], says: 'Hosts that ended without being asked.' },
  axon_journal_failing: { kind: 'gauge', labels: [], says: '1 while the journal cannot be used, else 0.' },
  axon_log_failing: { kind: 'gauge', labels: [], says: '1 while the log cannot be written, else 0.' },
  axon_log_dropped_total: {
    kind: 'counter',
    labels: [],
    says: 'Lines of the log that were dropped, counted when it is written again.',
  },
} as const satisfies Readonly<Record<string, MetricEntry>>

export type MetricName = keyof typeof metricCatalogue
