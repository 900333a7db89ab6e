/**
 * Owns the names in the directories in which interpreters are looked for: every start of an agent looks there, and they hold
 * thousands. Read once, and again when the directory has changed.
 */
import { readdirSync, statSync } from 'node:fs'

interface Listing {
  mtimeMs: number
  names: readonly string[]
}

/** One that has just changed may change again within the same tick of the file system's clock. */
const settledAfterMs = 2_000

const listings = new Map<string, Listing>()

/** The names in a directory; none where it cannot be read. */
export function namesIn(directory: string): readonly string[] {
  try {
    const { mtimeMs } = statSync(directory)
    const known = listings.get(directory)
    if (known?.mtimeMs === mtimeMs) return known.names
    const names = readdirSync(directory)
    if (Date.now() - mtimeMs > settledAfterMs) listings.set(directory, { mtimeMs, names })
    return names
  } catch {
    return []
  }
}
