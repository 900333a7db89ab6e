/**
 * Owns the record of a living system, by which a later boot finds what it left. What is done with the record of a dead one is
 * sweep.ts.
 *
 *     <stateDir>/systems/<machine>-<pid>-<start>-<id>.json
 *
 * 1. A record appears and changes whole, by rename from a private file.
 * 2. Its name says whose it is: also one that cannot be read can be judged.
 */
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import * as z from 'zod'
import { AxonError } from '../../errors.ts'
import { type Owner, ownerName, parseOwnerName, thisOwner } from '../process/owner.ts'

export const recordSchema = z.object({
  format: z.literal(1),
  id: z.string(),
  pid: z.int(),
  startTime: z.string(),
  /** One of them is, or was, the directory of the sockets. */
  runtimeDirs: z.array(z.string()),
  /** `pid` is that of the guard. */
  hosts: z.array(z.object({ root: z.string(), pid: z.int(), startTime: z.string() })),
})
export type RecordContent = z.infer<typeof recordSchema>

export interface RecordName {
  owner: Owner
  /** The system's. */
  id: string
  /** Of a record that was being written when its writer was killed. */
  isDraft: boolean
}

export function defaultStateDir(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_STATE_HOME
  return join(base !== undefined && isAbsolute(base) ? base : join(env.HOME ?? homedir(), '.local/state'), 'axon')
}

/** Where the records are. */
export function recordsOf(stateDir: string): string {
  return join(stateDir, 'systems')
}

/** Undefined where the file is no record. */
export function parseRecordName(name: string): RecordName | undefined {
  const match = /^(\.?)([0-9a-f]+-\d+-\d*)-([0-9a-f-]{36})\.json$/.exec(name)
  const owner = match === null ? undefined : parseOwnerName(match[2] as string)
  return owner && { owner, id: match?.[3] as string, isDraft: match?.[1] !== '' }
}

/** Undefined where it cannot be read, or is another system's. */
export function readRecord(path: string, id: string): RecordContent | undefined {
  try {
    const record = recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
    return record.id === id ? record : undefined
  } catch {
    return undefined
  }
}

export class SystemRecord {
  #id: string
  #directory: string
  #name: string

  constructor(stateDir: string, id: string) {
    this.#id = id
    this.#directory = recordsOf(stateDir)
    this.#name = `${ownerName(thisOwner())}-${id}.json`
  }

  /**
   * Writes it, or writes it anew.
   * @throws AxonError CONFIG_INVALID where that cannot be done
   */
  write({ runtimeDirs, hosts }: Pick<RecordContent, 'runtimeDirs' | 'hosts'>): void {
    const { pid, start } = thisOwner()
    const content: RecordContent = { format: 1, id: this.#id, pid, startTime: start, runtimeDirs, hosts }
    const draft = join(this.#directory, `.${this.#name}`)
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
      demandPrivate(this.#directory)
      writeFileSync(draft, `${JSON.stringify(content)}\n`, { mode: 0o600 })
      renameSync(draft, join(this.#directory, this.#name))
      keepUntilExit(this)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      const message = `The record of this system cannot be written: ${why}. Set stateDir to a directory of your own that you can write to.`
      throw new AxonError('CONFIG_INVALID', message, { cause, context: { directory: this.#directory } })
    }
  }

  /** Idempotent; never fails. */
  remove(): void {
    forget(this)
    for (const name of [this.#name, `.${this.#name}`]) {
      try {
        rmSync(join(this.#directory, name), { force: true })
      } catch {
        // The next boot sees that its owner is dead.
      }
    }
  }
}

/** Whoever could write here could have directories and processes of ours ended. */
function demandPrivate(directory: string): void {
  const stats = lstatSync(directory)
  if (stats.isDirectory() && (stats.mode & 0o077) === 0 && stats.uid === process.geteuid?.()) return
  throw new Error(`${directory} is not private to this user`)
}

const written = new Set<SystemRecord>()

function onExit(): void {
  for (const record of written) record.remove()
}

/** One listener for all systems, and only while there are any. */
function keepUntilExit(record: SystemRecord): void {
  if (written.size === 0) process.on('exit', onExit)
  written.add(record)
}

function forget(record: SystemRecord): void {
  if (written.delete(record) && written.size === 0) process.off('exit', onExit)
}
