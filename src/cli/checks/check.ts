/**
 * Owns the form of what `axon doctor` finds.
 */
export interface Finding {
  /** What was looked at, for example `python`. */
  name: string
  /** `warning`: Axon works, but something is worse than it could be. `error`: it does not work. */
  status: 'ok' | 'warning' | 'error'
  /** What there is. */
  found: string
  /** What follows from it, where it is not as it should be. */
  follows?: string | undefined
  /** How to mend it. */
  mend?: string | undefined
}

export const ok = (name: string, found: string): Finding => ({ name, status: 'ok', found })
export const warning = (name: string, found: string, follows: string, mend: string): Finding => {
  return { name, status: 'warning', found, follows, mend }
}
export const fault = (name: string, found: string, follows: string, mend: string): Finding => {
  return { name, status: 'error', found, follows, mend }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
