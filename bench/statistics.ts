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
  const at = (share: number) => quantile(values, share)
  return { n: values.length, min: at(0), p50: at(0.5), p95: at(0.95), max: at(1) }
}

/** @param share from 0 to 1 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
}

export function round(value: number): number {
  return Math.round(value * 100) / 100
}
