/**
 * Owns time as the runtime sees it. Tests give another.
 */

/** XState's clock, and with it every timer of the runtime. `SimulatedClock` of xstate fits. */
export interface Clock {
  setTimeout(fn: () => void, ms: number): unknown
  clearTimeout(id: unknown): void
}

export const systemClock: Clock = {
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
}
