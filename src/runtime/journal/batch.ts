/**
 * Owns what is written together: the writes, whose beginnings are among them, and who waits for it.
 */
import { AxonError } from '../../errors.ts'
import type { Write } from './messages.ts'
import type { JournalRecord } from './record.ts'

/** Writes that are in the journal together, or not at all. */
export interface Batch {
  readonly writes: Write[]
  /** Those whose beginning is in it. */
  readonly records: Map<Write, JournalRecord>
  /** What kept it from being written. Never rejects. */
  readonly written: Promise<AxonError | undefined>
}

export type PendingBatch = Batch & { resolve: (error: AxonError | undefined) => void }

export function newBatch(): PendingBatch {
  const { promise, resolve } = Promise.withResolvers<AxonError | undefined>()
  return { writes: [], records: new Map(), written: promise, resolve }
}

/** The ids of the runs that begin in it and were named by their callers. */
export function namedIn({ records }: Batch): string[] {
  return [...records.values()].filter(({ isNamed }) => isNamed).map(({ id }) => id)
}

/** These ids are taken: what began them now is not run. */
export function loseTaken({ writes, records }: Batch, taken: readonly string[]): void {
  for (const [write, record] of records) {
    if (!taken.includes(record.id)) continue
    writes.splice(writes.indexOf(write), 1)
    records.delete(write)
    const message = `The options of a run of ${record.agent} are not valid: the journal has a run with the id ${JSON.stringify(record.id)} already.`
    record.lose(new AxonError('RUN_REQUEST_INVALID', message, { agent: record.agent }))
  }
}
