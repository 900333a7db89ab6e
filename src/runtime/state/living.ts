/**
 * Owns the look at the records of all systems of a state directory: which are alive, and which have died unswept. It changes
 * nothing; that is sweep.ts.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, thisOwner } from '../process/owner.ts'
import { parseRecordName, type RecordContent, readRecord, recordsOf } from './record.ts'

export interface KnownSystem extends Pick<RecordContent, 'id' | 'pid' | 'runtimeDirs' | 'hosts'> {
  /** When its record was written last, in milliseconds since 1970. */
  recordedAt: number
}

export interface KnownSystems {
  /** The one that was recorded last comes first. */
  living: KnownSystem[]
  /** Ids of those that have died and are swept at the next boot. */
  dead: string[]
  /** Those of other machines or containers: whether they live cannot be seen from here. */
  elsewhere: KnownSystem[]
}

export function knownSystems(stateDir: string): KnownSystems {
  const directory = recordsOf(stateDir)
  const known: KnownSystems = { living: [], dead: [], elsewhere: [] }
  for (const name of namesIn(directory)) {
    const parsed = parseRecordName(name)
    if (parsed === undefined || parsed.isDraft) continue
    const path = join(directory, name)
    const isHere = parsed.owner.machine === thisOwner().machine
    if (isHere && !isAlive(parsed.owner, 0)) {
      known.dead.push(parsed.id)
      continue
    }
    const record = readRecord(path, parsed.id)
    const recordedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs
    if (record && recordedAt) known[isHere ? 'living' : 'elsewhere'].push({ ...record, recordedAt })
  }
  known.living.sort((a, b) => b.recordedAt - a.recordedAt)
  return known
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
