/**
 * Owns the figures of an agent's runs: how many there are, and how many have ended.
 */
import type { RunFact } from '../../machines/facts.ts'

/** How much there is to do for an agent, and how much was done. */
export interface Load {
  /** Runs that were sent and have not settled. */
  inFlight: number
  /** Runs that wait. */
  queued: number
  /** Runs in flight of each replica that is ready. */
  byReplica: ReadonlyMap<string, number>
  /** Runs that have settled since the first came. */
  runs: number
  /** Those of `runs` that failed, were interrupted or took too long; one that was cancelled is none of them. */
  errors: number
}

export const noLoad: Load = { inFlight: 0, queued: 0, byReplica: new Map(), runs: 0, errors: 0 }

export class Tally {
  runs = 0
  errors = 0

  hear(fact: RunFact): void {
    if (fact.type !== 'run.settled') return
    this.runs += 1
    if (fact.status !== 'succeeded' && fact.status !== 'cancelled') this.errors += 1
  }
}
