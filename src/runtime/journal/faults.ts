/**
 * Owns what keeps a journal from being used: how it is recognised, and what a person is told.
 */
import { AxonError } from '../../errors.ts'
import type { JournalFault } from './messages.ts'

const busy = 5
const corrupt = 11
const notDatabase = 26

/** Somebody else has the file. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === busy
}

/** The file is damaged, or none of SQLite's. */
export function isCorrupt(error: unknown): boolean {
  return [corrupt, notDatabase].includes(primaryCode(error) as number)
}

/** An error that is that. */
export function damaged(message: string): Error {
  return Object.assign(new Error(message), { errcode: corrupt })
}

/** What the journal was kept from. */
export function faultOf(path: string, error: unknown): JournalFault {
  const what = isCorrupt(error) ? 'is damaged' : 'cannot be used'
  const advice = isCorrupt(error)
    ? 'Close the system, move the file aside or bring back a copy of it, then start again.'
    : 'See that there is room on its disk, and that this user may write there.'
  return { kind: 'unavailable', message: `The journal ${path} ${what}: ${messageOf(error)}. ${advice}` }
}

export function errorOf({ kind, message, pid }: JournalFault, path: string): AxonError {
  const code = kind === 'in_use' ? 'JOURNAL_IN_USE' : 'JOURNAL_UNAVAILABLE'
  return new AxonError(code, message, { context: { path, ...(pid !== undefined && { pid }) } })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function primaryCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}
