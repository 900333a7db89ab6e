/** Owns what a soak may not leave or lose: directories and processes, memory and descriptors, and the speed of those that nothing was done to. */
import { join } from 'node:path'
import { quantile } from '../../../bench/statistics.ts'
import { leftBehind, recordsOf } from '../../e2e/left-behind.ts'
import type { Held } from '../held.ts'
import type { SoakSystem } from './system.ts'
import type { Timed } from './traffic.ts'

/** In milliseconds. */
export interface Latency {
  n: number
  p50: number
  p99: number
}

/** One process that starts takes the processors from others for so long. */
const startMs = 50

export function latency(echoes: readonly Timed[]): Latency {
  const calm = echoes.filter(({ agent }) => agent === 'calm').map(({ ms }) => ms)
  return { n: calm.length, p50: quantile(calm, 0.5), p99: quantile(calm, 0.99) }
}

/** What is slower for the faults of others: p99 at most doubles, or is a start of a process longer. */
export function slowed(before: Latency, under: Latency): string[] {
  if (under.p99 <= Math.max(2 * before.p99, before.p99 + startMs)) return []
  return [`p99 of an agent that nothing was done to went from ${before.p99} to ${under.p99} ms.`]
}

/** What there is more of than 5 % above what there was. Counts are the same. */
export function grown(before: Held, after: Held): string[] {
  const found: string[] = []
  const { memory } = before.node
  if (after.node.memory > memory * 1.05) found.push(`memory of Node went from ${memory} to ${after.node.memory} bytes.`)
  const same = (what: string, was: number, is: number, may = 0) => {
    if (is > was + may) found.push(`${what} went from ${was} to ${is}.`)
  }
  same('descriptors of Node', before.node.descriptors, after.node.descriptors)
  // The process that the host keeps ahead may be there or be on its way.
  same('descriptors of the host', before.host.descriptors, after.host.descriptors, 1)
  for (const kind of ['actors', 'sockets', 'pools'] as const) same(kind, before.objects[kind], after.objects[kind])
  for (const [kind, is] of Object.entries(after.resources)) same(`${kind} of Node`, before.resources[kind] ?? 0, is)
  same('listeners of Node', before.listeners, after.listeners)
  return found
}

/** Of a system that is closed. */
export function remains({ axon, directory }: SoakSystem): string[] {
  const { processes, directories } = leftBehind(axon)
  return [
    ...processes.map((pid) => `process ${pid} was left.`),
    ...directories.map((path) => `${path} was left.`),
    ...recordsOf(axon, join(directory, 'state')).map((name) => `record ${name} was left.`),
  ]
}
