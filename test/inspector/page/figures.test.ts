import { describe, expect, it } from 'vitest'
import type { BeatsFrame, FiguresFrame, LiveFrame } from '../../../src/inspector/frames.ts'
import { collect, pathOf, roundUp, rowOf, valueAt } from '../../../src/inspector/page/figures/series.ts'

function figures(at: number, agent: string | null, more: Partial<FiguresFrame> = {}): FiguresFrame {
  return {
    type: 'figures',
    at,
    agent,
    runsPerSecond: 1,
    p50Ms: 10,
    p99Ms: null,
    samples: 3,
    errorRatio: null,
    queued: 0,
    inFlight: 0,
    restarts: 0,
    inputTokensPerSecond: null,
    outputTokensPerSecond: 5,
    ...more,
  }
}

function beats(at: number, rssBytes: (number | null)[]): BeatsFrame {
  const none = rssBytes.map(() => null)
  return {
    type: 'beats',
    at,
    sessionId: rssBytes.map((_, i) => `r:${i}`),
    rssBytes,
    cpu: none,
    loopLagMs: none,
    inFlight: rssBytes.map(() => 0),
  }
}

describe('figures over time', () => {
  const frames: LiveFrame[] = [
    figures(500, null),
    figures(1000, null),
    figures(1000, 'support', { runsPerSecond: 7 }),
    beats(2000, [1e6, 2e6, null]),
    figures(2000, null, { p50Ms: 20 }),
  ]

  it('are those of one agent, between two times', () => {
    const { figures: found } = collect(frames, { agent: 'support', sessions: new Set() }, 600, 3000)
    expect(found.map(({ runsPerSecond }) => runsPerSecond)).toEqual([7])
    expect(collect(frames, { agent: null, sessions: undefined }, 600, 3000).figures).toHaveLength(2)
  })

  it('sum up the processes that have told something', () => {
    expect(collect(frames, { agent: null, sessions: undefined }, 0, 3000).beats).toMatchObject([{ rssBytes: 3e6 }])
    const one = collect(frames, { agent: null, sessions: new Set(['r:2']) }, 0, 3000)
    expect(one.beats).toMatchObject([{ rssBytes: undefined, cpu: undefined }])
    expect(rowOf('memory', one).lines[0]?.points).toEqual([])
  })

  it('have no point where nothing is known, and a line breaks there', () => {
    const found = collect(frames, { agent: null, sessions: undefined }, 0, 3000)
    const [p99, p50] = rowOf('latency', found).lines
    expect(p99?.points).toEqual([])
    expect(p50?.points.map(({ value }) => value)).toEqual([10, 10, 20])
    const path = pathOf(
      [0, 1000, 9000].map((at) => ({ at, value: 1 })),
      (at) => at / 1000,
      (value) => value,
    )
    expect(path).toBe('M0.0 1.0L1.0 1.0M9.0 1.0')
  })

  it('are not known long after they were told', () => {
    const points = [{ at: 1000, value: 4 }]
    expect([900, 1000, 5900, 7000].map((at) => valueAt(points, at))).toEqual([undefined, 4, 4, undefined])
  })

  it('read with their units', () => {
    const found = collect(frames, { agent: null, sessions: undefined }, 0, 3000)
    expect(rowOf('memory', found, 'memory', 512e6).format(512e6)).toBe('512 MB')
    expect(rowOf('cpu', found).format(0.25)).toBe('25 %')
    expect(rowOf('tokens', found).lines[0]?.points.at(-1)?.value).toBe(5)
    expect(rowOf('errors', found).format(undefined)).toBe('–')
    expect([0, 0.31, 17, 512, 999, 1000].map(roundUp)).toEqual([1, 0.4, 20, 600, 1000, 1000])
  })
})
