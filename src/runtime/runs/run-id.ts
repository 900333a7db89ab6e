/**
 * Owns the ids of runs that their callers do not name.
 */
import { randomUUID } from 'node:crypto'

/**
 * A UUID of version 7: it begins with the time, so that an index of a hundred thousand of them grows at its end. With random ones
 * each run would be a page of its own in the journal.
 */
export function orderedId(nowMs = Date.now()): string {
  const time = nowMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
