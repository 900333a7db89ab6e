/**
 * Owns time as the runtime sees it. Tests give another.
 */

/** XState's clock, and with it every timer of the runtime. `SimulatedClock` of xstate fits. */
export interface Clock {
  setTimeout(fn: () => void, ms: number): unknown
  clearTimeout(id: unknown): void
}

export const systemClock: Clock = {
  // Node's shortest timer takes a millisecond: what is due at once is run in the next turn of the event loop.
  setTimeout: (fn, ms) => (ms <= 0 ? { nextTurn: setImmediate(fn) } : setTimeout(fn, ms)),
  clearTimeout: (id) => {
    if (isNextTurn(id)) clearImmediate(id.nextTurn)
    else clearTimeout(id as NodeJS.Timeout)
  },
}

function isNextTurn(id: unknown): id is { nextTurn: NodeJS.Immediate } {
  return typeof id === 'object' && id !== null && 'nextTurn' in id
}
