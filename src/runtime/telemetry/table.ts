/**
 * Owns the figures of a system as one table of plain JSON: what the operator socket, `axon top` and the gateway show. Where they
 * come from is agent-view.ts; nothing is gathered until somebody asks.
 */
import { replicaOf } from '../../machines/agent-context.ts'
import type { RayApplication } from '../../machines/slots.ts'
import type { AgentSnapshot, AgentState, ReplicaSnapshot } from '../agent-view.ts'
import type { Figures } from './figures.ts'

export interface ReplicaRow {
  /** `writer/0`. */
  replica: string
  /** The process that is, or was last: `writer/0#3`. */
  generation: string
  /** Null where no process is alive, and on Ray. */
  pid: number | null
  state: AgentState
  /** Runs that were sent there and have not settled. */
  inFlight: number
  /** Resident memory in bytes, as last told, on Ray of all Ray's replicas; null where no process is alive, or has told nothing yet. */
  rss: number | null
  /** Processor time of this process so far, in seconds; null as `rss`. */
  cpu: number | null
  /** After crashes. */
  restarts: number
}

export interface AgentRow {
  name: string
  /** That of its replica that is best off. */
  state: AgentState
  replicas: ReplicaRow[]
  /** Runs that were sent and have not settled. */
  inFlight: number
  /** Runs that wait. */
  queue: number
  /** Runs that have settled. */
  runs: number
  /** Those of `runs` that failed, were interrupted or took too long. */
  errors: number
  /** After crashes, of all replicas. */
  restarts: number
  /** Of all its processes, in bytes; pages that they share are counted for each. Null where none has told. */
  rss: number | null
  /** Processor time of its present processes, in seconds. Null where none has told. */
  cpu: number | null
  /** As the live page has them; only where somebody has counted. */
  lastMinute?: Figures | undefined
}

export interface SystemTable {
  /** The system's id. */
  system: string
  /** Node's. */
  pid: number
  /** In milliseconds since 1970. */
  time: number
  agents: AgentRow[]
}

export function tableOf(system: string, agents: readonly AgentSnapshot[], time = Date.now()): SystemTable {
  return { system, pid: process.pid, time, agents: agents.map(rowOf) }
}

export function rowOf({ name, state, inFlight, queued, runs, errors, restarts, ...agent }: AgentSnapshot): AgentRow {
  const replicas = agent.replicas.map(replicaRow)
  const [rss, cpu] = [sum(replicas.map((row) => row.rss)), sum(replicas.map((row) => row.cpu))]
  return { name, state, replicas, inFlight, queue: queued, runs, errors, restarts, rss, cpu }
}

/** What an application on Ray uses, all its replicas together. */
export function usageOf({ replicas }: RayApplication): Pick<ReplicaRow, 'rss' | 'cpu'> {
  const told = (figure: 'rss' | 'cpu') => sum(replicas.map((replica) => replica[figure] ?? null))
  return { rss: told('rss'), cpu: told('cpu') }
}

function replicaRow({ generation, pid, state, inFlight, restarts, ...replica }: ReplicaSnapshot): ReplicaRow {
  const { rss = null, cpu = null } = replica.resources ?? (replica.application && usageOf(replica.application)) ?? {}
  return { replica: replicaOf(generation), generation, pid: pid ?? null, state, inFlight, rss, cpu, restarts }
}

/** Null where nobody has told. */
function sum(figures: readonly (number | null)[]): number | null {
  return figures.reduce((total, figure) => (figure === null ? total : (total ?? 0) + figure), null)
}
