/**
 * Owns the bar: turns phases into steps that never go back. Knows nothing of what the phases do.
 */
import type { EnvironmentProgress } from '../../machines/slots.ts'

export type ProgressPhase = EnvironmentProgress['phase']

/** @param fraction how far the phase itself is, from 0 to 1. */
export type ReportProgress = (phase: ProgressPhase, message: string, fraction?: number) => void

/** Where each phase begins, in hundredths of a usual cold build. */
const begins: Record<ProgressPhase, number> = {
  interpreter: 0,
  lock: 5,
  installer: 6,
  create: 12,
  resolve: 20,
  install: 50,
  compile: 85,
  complete: 100,
}
const order = Object.keys(begins) as ProgressPhase[]

export function progressReporter(onProgress: ((progress: EnvironmentProgress) => void) | undefined): ReportProgress {
  let highest = 0
  return (phase, message, fraction = 0) => {
    const next = order[order.indexOf(phase) + 1]
    const end = next === undefined ? 100 : begins[next]
    highest = Math.max(highest, Math.round(begins[phase] + Math.min(Math.max(fraction, 0), 1) * (end - begins[phase])))
    try {
      onProgress?.({ phase, message, completed: highest, total: 100 })
    } catch {
      // A listener's own trouble must not end a build.
    }
  }
}
