/** Owns the arithmetic of a run's timeline: what it spent its time on, as rows of bars from its acceptance on. Draws nothing. */
import type { RunFrame } from '../../frames.ts'
import { duration, plural } from '../format.ts'

type Phase = RunFrame['phases'][number]['name']

export interface TimelineRow {
  name: Phase
  bars: readonly { fromMs: number; toMs: number }[]
  /** `2 calls, 854 ms`; empty where there is no bar. */
  note: string
  /** It goes on. */
  isOpen: boolean
}

export interface Timeline {
  rows: readonly TimelineRow[]
  totalMs: number
}

const order: readonly Phase[] = ['waiting', 'model', 'text', 'tools', 'approval']

/** What goes on lasts until `nowMs` after the acceptance. `deltas`: pieces of text, where they are known. */
export function timelineOf(run: RunFrame, nowMs: number, deltas = 0): Timeline {
  const { phases, durationMs } = run
  const last = phases.reduce((most, { fromMs, toMs }) => Math.max(most, fromMs, toMs ?? 0), 0)
  const totalMs = Math.max(durationMs ?? nowMs, last)
  const rows = order.map((name): TimelineRow => {
    const own = phases.filter((phase) => phase.name === name)
    const isOpen = durationMs === undefined && own.some(({ toMs }) => toMs === undefined)
    const bars = own.map(({ fromMs, toMs }) => ({ fromMs, toMs: toMs ?? totalMs }))
    return { name, bars, isOpen, note: note(name, bars, isOpen, deltas) }
  })
  return { rows, totalMs }
}

function note(name: Phase, bars: TimelineRow['bars'], isOpen: boolean, deltas: number): string {
  if (bars.length === 0) return ''
  const spent = bars.map(({ fromMs, toMs }) => toMs - fromMs)
  const sum = duration(spent.reduce((all, one) => all + one, 0))
  if (isOpen && name === 'approval') return 'now'
  if (name === 'text' && deltas > 0) return plural(deltas, 'delta')
  if (name === 'tools' && bars.length < 3) return spent.map(duration).join(', ')
  if (name === 'model' || name === 'tools') return `${plural(bars.length, 'call')}, ${sum}`
  return sum
}

/** At most `most` round times from 0 up to `totalMs`, with how they read. */
export function ticksOf(totalMs: number, most: number): { ms: number; text: string }[] {
  if (totalMs <= 0) return [{ ms: 0, text: '0' }]
  const step =
    steps.find((candidate) => totalMs / candidate < most) ?? Math.ceil(totalMs / most / 3_600_000) * 3_600_000
  const ticks: { ms: number; text: string }[] = []
  for (let ms = 0; ms <= totalMs; ms += step) ticks.push({ ms, text: tickText(ms, step) })
  return ticks
}

const steps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000],
  ...[30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000],
]

function tickText(ms: number, step: number): string {
  if (ms === 0) return '0'
  if (step >= 60_000) return `${ms / 60_000} m`
  return step >= 200 ? `${ms / 1000} s` : `${ms} ms`
}
