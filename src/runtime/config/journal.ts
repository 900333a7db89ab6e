/**
 * Owns what a user may say of a system's journal.
 */
import { resolve } from 'node:path'
import * as z from 'zod'
import { describe, invalid, options } from './fields.ts'

export const journalOptions = options({
  /** The file, from the working directory; it and its directory are made where they are not there. Others stand beside it while it is in use: `…-log-1`, `…-wal`, `…-owner`. */
  path: z.string().min(1),
  /** What becomes of runs while the journal cannot be written: `required` refuses them, `best_effort` runs them unrecorded. Default `required`. */
  mode: z.enum(['required', 'best_effort']).default('required'),
  /** How long a run is kept after its end, in milliseconds. Default 604 800 000: 7 days. */
  keepMs: z.number().positive().default(604_800_000),
})
export type JournalOptions = z.input<typeof journalOptions>

/** The options with every default, and an absolute path. */
export type JournalSettings = z.output<typeof journalOptions>

/** @throws AxonError CONFIG_INVALID naming each field that is wrong */
export function parseJournal(given: JournalOptions): JournalSettings {
  const parsed = z.object({ journal: journalOptions }).safeParse({ journal: given })
  if (!parsed.success) throw invalid(describe(parsed.error), parsed.error)
  const { journal } = parsed.data
  return { ...journal, path: resolve(journal.path) }
}
