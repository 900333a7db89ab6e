/**
 * Owns the figures over time: which rows an actor has, and their points from what is remembered. Plain data; it reads no signal and
 * draws nothing.
 *
 * 1. What is not known is no point: a line breaks there, and is never drawn at 0.
 */
import type { FiguresFrame, LiveFrame } from '../../frames.ts'
import { count, duration, megabytes, percent, rate } from '../format.ts'

export interface Point {
  at: number
  value: number
}

export interface Line {
  /** Where a row has several: `p50`. */
  name?: string
  isQuiet?: boolean
  points: readonly Point[]
}

export interface FigureRow {
  key: string
  label: string
  lines: readonly Line[]
  /** A line across, in the unit of the row. */
  limit?: number | undefined
  /** A value with its unit. */
  format: (value: number | undefined) => string
}

/** Of one time: sums over the processes that are looked at. */
export interface Beat {
  at: number
  rssBytes: number | undefined
  cpu: number | undefined
  loopLagMs: number | undefined
}

export interface Scope {
  /** Null: all of them. Undefined: none. */
  agent: string | null | undefined
  /** Processes. Undefined: all of them. */
  sessions: ReadonlySet<string> | undefined
}

export interface Collected {
  figures: readonly FiguresFrame[]
  beats: readonly Beat[]
}

/** What `frames` tell of a scope between two times. */
export function collect(frames: Iterable<LiveFrame>, { agent, sessions }: Scope, from: number, to: number): Collected {
  const figures: FiguresFrame[] = []
  const beats: Beat[] = []
  for (const frame of frames) {
    if ((frame.type !== 'figures' && frame.type !== 'beats') || frame.at < from || frame.at > to) continue
    if (frame.type === 'figures') {
      if (frame.agent === agent) figures.push(frame)
      continue
    }
    const own = frame.sessionId.flatMap((id, i) => (sessions === undefined || sessions.has(id) ? [i] : []))
    if (own.length === 0) continue
    beats.push({
      at: frame.at,
      rssBytes: sum(own.map((i) => frame.rssBytes[i])),
      cpu: sum(own.map((i) => frame.cpu[i])),
      loopLagMs: most(own.map((i) => frame.loopLagMs[i])),
    })
  }
  return { figures, beats }
}

export type Metric = 'runs' | 'latency' | 'errors' | 'queue' | 'tokens' | 'memory' | 'cpu' | 'lag'
export const runMetrics: readonly Metric[] = ['runs', 'latency', 'errors', 'queue', 'tokens']
export const processMetrics: readonly Metric[] = ['memory', 'cpu']
/** How a metric is called; its unit is with its value. */
export const metricNames: Readonly<Record<Metric, string>> = {
  runs: 'runs',
  latency: 'latency',
  errors: 'errors',
  queue: 'queued',
  tokens: 'tokens',
  memory: 'memory',
  cpu: 'CPU',
  lag: 'loop lag',
}

const withUnit = (write: (value: number | undefined) => string, unit: string) => (value: number | undefined) =>
  value === undefined ? write(value) : `${write(value)} ${unit}`
const formats: Readonly<Record<Metric, FigureRow['format']>> = {
  runs: withUnit(rate, '/s'),
  latency: duration,
  errors: withUnit(percent, '%'),
  queue: count,
  tokens: withUnit(rate, '/s'),
  memory: withUnit(megabytes, 'MB'),
  cpu: withUnit((cores) => percent(cores), '%'),
  lag: duration,
}

/** `limitBytes`: of the memory of one process. */
export function rowOf(
  metric: Metric,
  { figures, beats }: Collected,
  label = metricNames[metric],
  limitBytes?: number,
): FigureRow {
  const ofFigures = (value: (frame: FiguresFrame) => number | null): Point[] => points(figures, value)
  const ofBeats = (value: (beat: Beat) => number | undefined): Point[] => points(beats, value)
  const lines: Readonly<Record<Metric, () => readonly Line[]>> = {
    runs: () => [{ points: ofFigures((frame) => frame.runsPerSecond) }],
    latency: () => [
      { name: 'p99', isQuiet: true, points: ofFigures((frame) => frame.p99Ms) },
      { name: 'p50', points: ofFigures((frame) => frame.p50Ms) },
    ],
    errors: () => [{ points: ofFigures((frame) => frame.errorRatio) }],
    queue: () => [{ points: ofFigures((frame) => frame.queued) }],
    tokens: () => [{ points: ofFigures(tokens) }],
    memory: () => [{ points: ofBeats((beat) => beat.rssBytes) }],
    cpu: () => [{ points: ofBeats((beat) => beat.cpu) }],
    lag: () => [{ points: ofBeats((beat) => beat.loopLagMs) }],
  }
  return {
    key: `${label} ${metric}`,
    label,
    lines: lines[metric](),
    format: formats[metric],
    ...(metric === 'memory' && { limit: limitBytes }),
  }
}

function tokens({ inputTokensPerSecond: input, outputTokensPerSecond: output }: FiguresFrame): number | null {
  return input === null && output === null ? null : (input ?? 0) + (output ?? 0)
}

/** The last value that was told up to `at`, and not long before it. */
export function valueAt(points: readonly Point[], at: number): number | undefined {
  const found = points.findLast((point) => point.at <= at)
  return found === undefined || at - found.at > breakMs ? undefined : found.value
}

/** Where so much time lies between two points, nothing is known. */
export const breakMs = 5000

/** Of an SVG path: `place` and `height` give pixels. */
export function pathOf(
  points: readonly Point[],
  place: (at: number) => number,
  height: (value: number) => number,
): string {
  let path = ''
  let before = Number.NEGATIVE_INFINITY
  for (const { at, value } of points) {
    path += `${at - before > breakMs ? 'M' : 'L'}${place(at).toFixed(1)} ${height(value).toFixed(1)}`
    before = at
  }
  return path
}

/** The next round value that is not below. */
export function roundUp(value: number): number {
  if (value <= 0) return 1
  const ten = 10 ** Math.floor(Math.log10(value))
  return ([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => step * ten >= value * 0.9999) ?? 10) * ten
}

/** Highest value of a row, its limit included. */
export function topOf({ lines, limit = 0 }: FigureRow): number {
  let top = limit
  for (const { points } of lines) for (const { value } of points) if (value > top) top = value
  return top
}

function points<T extends { at: number }>(all: readonly T[], value: (one: T) => number | null | undefined): Point[] {
  return all.flatMap((one) => {
    const known = value(one)
    return known == null ? [] : [{ at: one.at, value: known }]
  })
}

function sum(values: readonly (number | null | undefined)[]): number | undefined {
  const known = values.filter((value) => value != null)
  return known.length === 0 ? undefined : known.reduce((all, one) => all + one, 0)
}

function most(values: readonly (number | null | undefined)[]): number | undefined {
  const known = values.filter((value) => value != null)
  return known.length === 0 ? undefined : Math.max(...known)
}
