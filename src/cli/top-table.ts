/**
 * Owns what `axon top` shows: the figures of a system as lines of text. Where they come from and when they are drawn is top.ts.
 */
import type { AgentRow, ReplicaRow, SystemTable } from '../runtime/telemetry/table.ts'
import { paint } from './terminal.ts'

export type SortKey = 'name' | 'memory' | 'cpu' | 'runs' | 'errors'

export interface TopOptions {
  /** Earlier figures: rates are what was done since. Undefined: there are none. */
  since?: SystemTable | undefined
  sort?: SortKey | undefined
}

const heads = 'AGENT STATE PID FLIGHT QUEUE RUNS RUNS/S P50 P99 ERRORS RESTARTS MEMORY CPU'.split(' ')
/** Of those, from the left. */
const leftAligned = 2

interface Line {
  cells: string[]
  state: string
}

/** Header and rows: an agent, and where it has several replicas, each below it. */
export function tableLines(table: SystemTable, { since, sort = 'name' }: TopOptions = {}): string[] {
  const rows = sorted(table, sort, since).flatMap((agent) => linesOf(agent, table, since))
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map(({ cells }) => cells[at]?.length ?? 0)))
  const lineOf = (cells: readonly string[]) =>
    cells
      .map((cell, at) => (at < leftAligned ? cell.padEnd(widths[at] as number) : cell.padStart(widths[at] as number)))
      .join('  ')
      .trimEnd()
  return [paint('bold', lineOf(heads)), ...rows.map(({ cells, state }) => painted(lineOf(cells), state))]
}

/** One line of the whole system. */
export function summary({ system, pid, agents }: SystemTable): string {
  const sum = (of: (row: AgentRow) => number | null) => agents.reduce((total, row) => total + (of(row) ?? 0), 0)
  const figures = `${sum(({ inFlight }) => inFlight)} runs in flight, ${sum(({ queue }) => queue)} waiting`
  return `axon ${system.slice(0, 8)}, process ${pid}: ${agents.length} agents, ${figures}, ${bytes(sum(({ rss }) => rss))}`
}

/** Cuts lines to a width; colours take none of it. */
export function clip(line: string, columns: number): string {
  let width = 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
  return line.replaceAll(/\u001b\[[\d;]*m|[^\u001b]/gu, (part) => {
    if (part.length > 2) return part
    width += 1
    return width <= columns ? part : ''
  })
}

function linesOf(agent: AgentRow, table: SystemTable, since: SystemTable | undefined): Line[] {
  const { name, state, replicas, inFlight, queue, runs, errors, restarts, rss } = agent
  const { runsPerSecond, p50Ms, p99Ms } = agent.lastMinute ?? {}
  const pid = replicas.length === 1 ? (replicas[0]?.pid ?? '-') : `${replicas.length}×`
  const figures = [
    pid,
    inFlight,
    queue,
    runs,
    runsPerSecond === undefined ? '-' : runsPerSecond.toFixed(1),
    duration(p50Ms),
    duration(p99Ms),
    errors,
    restarts,
    bytes(rss),
    percent(cpuOf(agent, table, since)),
  ]
  const several = replicas.length > 1 ? replicas : []
  return [
    { cells: [name, state, ...figures.map(String)], state },
    ...several.map((replica) => {
      const cpu = percent(cpuOfReplica(replica, table, since))
      const figures = [
        replica.pid ?? '-',
        replica.inFlight,
        '',
        '',
        '',
        '',
        '',
        '',
        replica.restarts,
        bytes(replica.rss),
        cpu,
      ]
      return { cells: [`  ${replica.replica}`, replica.state, ...figures.map(String)], state: replica.state }
    }),
  ]
}

function sorted(table: SystemTable, sort: SortKey, since: SystemTable | undefined): AgentRow[] {
  const most: Record<Exclude<SortKey, 'name'>, (row: AgentRow) => number> = {
    memory: ({ rss }) => rss ?? 0,
    cpu: (row) => cpuOf(row, table, since) ?? 0,
    runs: ({ runs }) => runs,
    errors: ({ errors }) => errors,
  }
  const byName = [...table.agents].sort((a, b) => (a.name < b.name ? -1 : 1))
  return sort === 'name' ? byName : byName.sort((a, b) => most[sort](b) - most[sort](a))
}

/** Share of one processor since the earlier figures; undefined where that is not known. */
function cpuOf(agent: AgentRow, table: SystemTable, since: SystemTable | undefined): number | undefined {
  const shares = agent.replicas.map((replica) => cpuOfReplica(replica, table, since))
  const known = shares.filter((share) => share !== undefined)
  return known.length === 0 ? undefined : known.reduce((sum, share) => sum + share, 0)
}

function cpuOfReplica({ generation, cpu }: ReplicaRow, { time }: SystemTable, since: SystemTable | undefined) {
  const before = since?.agents.flatMap(({ replicas }) => replicas).find((row) => row.generation === generation)
  if (since === undefined || cpu === null || before === undefined || before.cpu === null) return undefined
  return time > since.time ? (cpu - before.cpu) / ((time - since.time) / 1_000) : undefined
}

function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '-'
  return ms < 1_000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`
}

function percent(share: number | undefined): string {
  return share === undefined ? '-' : `${Math.round(share * 100)} %`
}

function bytes(count: number | null): string {
  return count === null ? '-' : `${(count / 2 ** 20).toFixed(1)} MiB`
}

function painted(line: string, state: string): string {
  if (['failed', 'crashed'].includes(state)) return paint('red', line)
  if (['suspect', 'backoff'].includes(state)) return paint('yellow', line)
  return ['idle', 'stopped'].includes(state) ? paint('dim', line) : line
}
