/**
 * Owns what is written together: the writes, whose beginnings are among them, and who waits for it.
 */
import { AxonError } from '../../errors.ts'
import type { Write } from './messages.ts'
import type { JournalRecord } from './record.ts'

/** Writes that are in the file together, or not at all. */
export interface Batch {
  readonly writes: Write[]
  /** Those whose beginning is in it. */
  readonly records: Map<Write, JournalRecord>
  /** What kept it from being written. Never rejects. */
  readonly written: Promise<AxonError | undefined>
}

export type PendingBatch = Batch & { resolve: (error: AxonError | undefined) => void }

/** The id of that run is taken: what began it now is not run. */
export function loseTaken(batch: Batch, write: Write | undefined): void {
  if (write?.[0] !== 'begin') return
  const [, , run, agent] = write
  const message = `The options of a run of ${agent} are not valid: the journal has a run with the id ${JSON.stringify(run)} already.`
  batch.records.get(write)?.lose(new AxonError('RUN_REQUEST_INVALID', message, { agent }))
}

export function newBatch(): PendingBatch {
  const { promise, resolve } = Promise.withResolvers<AxonError | undefined>()
  return { writes: [], records: new Map(), written: promise, resolve }
}
