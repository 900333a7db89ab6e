/** Owns the summary of repeated measurements. */

export interface Summary {
  n: number
  min: number
  p50: number
  p95: number
  max: number
}

/** @param values milliseconds, or any one unit; at least one */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number)
  return { n: sorted.length, min: at(0), p50: at(0.5), p95: at(0.95), max: at(1) }
}

export function round(value: number): number {
  return Math.round(value * 100) / 100
}
