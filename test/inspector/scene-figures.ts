/** Owns the numbers of the scene: figures each second, beats every two. */
import type { Draft } from './scene-replicas.ts'
import { idOf, replicas } from './scene-replicas.ts'

const agents = [null, 'support', 'research', 'writer', 'triage', 'billing', 'vision']
const shares = [1, 0.55, 0.12, 0.08, 0.25, 0, 0]

/** Between -1 and 1, the same for the same argument. */
export function wave(x: number): number {
  return (Math.sin(x / 7) + Math.sin(x / 2.3 + 1) + Math.sin(x * 1.7)) / 3
}

export function figuresAndBeats(begin: number, now: number): Draft[] {
  const drafts: Draft[] = []
  for (let at = begin + 500; at <= now - 100; at += 1000) {
    const second = Math.round((at - begin) / 1000)
    const swing = second > 297 ? 0 : wave(second)
    agents.forEach((agent, i) => {
      const share = shares[i] as number
      const has = share > 0
      drafts.push({
        type: 'figures',
        at,
        agent,
        runsPerSecond: has ? Number((42.1 * share * (1 + 0.3 * swing)).toFixed(1)) : 0,
        p50Ms: has ? Math.round(184 * (1 + 0.2 * swing) * (agent === 'research' ? 3 : 1)) : null,
        p99Ms: has && share > 0.1 ? Math.round(1920 * (1 + 0.3 * swing)) : null,
        samples: Math.round(2526 * share),
        errorRatio: has ? (agent === 'research' ? 0.021 : 0.004) : null,
        queued: has ? Math.max(0, Math.round(3 * share + 2 * swing)) : 0,
        inFlight: Math.round(14 * share),
        restarts:
          agent === null ? 10 : agent === 'research' ? 6 : agent === 'billing' ? 3 : agent === 'support' ? 1 : 0,
        inputTokensPerSecond: has ? Math.round(5200 * share * (1 + 0.3 * swing)) : null,
        outputTokensPerSecond: has ? Math.round(1900 * share * (1 + 0.3 * swing)) : null,
      })
    })
    if (second % 2 === 0) drafts.push(beatsAt(at, second))
  }
  return drafts
}

function beatsAt(at: number, second: number): Draft {
  const left = 300 - second
  const alive = replicas.filter(({ changes, begin, rssMb }) => {
    const state = changes.findLast(([seconds]) => seconds >= left)?.[1] ?? begin
    return ['ready', 'suspect', 'draining', 'starting'].includes(state) || (rssMb > 0 && left < 1)
  })
  const rows = [
    { id: 's:0', rss: 96, cpu: 0.21 },
    { id: 'h:0', rss: 46, cpu: 0.01 },
    { id: 'h:1', rss: 38, cpu: 0.01 },
    ...alive.map(({ name, rssMb }, i) => {
      const grows = name === 'research/1' ? 118 + ((second % 48) / 48) * 390 : rssMb
      return {
        id: idOf(name),
        rss: Number((grows + wave(second + i * 9)).toFixed(1)),
        cpu: 0.3 + 0.2 * wave(second + i * 5),
      }
    }),
  ]
  return {
    type: 'beats',
    at,
    sessionId: rows.map(({ id }) => id),
    rssBytes: rows.map(({ rss }) => Math.round(rss * 1e6)),
    cpu: rows.map(({ cpu }) => Number(Math.max(0, cpu).toFixed(3))),
    loopLagMs: rows.map((_, i) => 1 + (i % 3)),
    inFlight: rows.map(({ id }) => (id.startsWith('r:') ? (second + id.length) % 4 : 0)),
  }
}
