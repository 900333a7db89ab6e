/**
 * Owns the end of the journal's log at which its thread reads, while the system's thread may be writing at the other. What was
 * read is removed when the thread says that it is in the database.
 *
 * 1. A last line that is not whole is no entry yet: whoever writes it has not finished, or never will.
 * 2. Reading an entry twice does no harm: the database takes it as it did the first time.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync, rmSync } from 'node:fs'
import { damaged } from './faults.ts'
import { decodeEntry, segmentPath, segmentsOf } from './log-format.ts'
import type { Write } from './messages.ts'

/** What was read at once. */
export interface LogPart {
  base: number
  writes: Write[]
  /** Where its segment was read to. */
  end: number
  /** The segment after it, where there is one: then there is no more in this. */
  next: number | undefined
}

export class LogReader {
  readonly #path: string
  #segment: number
  #offset = 0
  #base = 0

  /** Goes on where those before have ended. @throws Error of the file system */
  constructor(path: string) {
    this.#path = path
    this.#segment = segmentsOf(path)[0] ?? 1
  }

  /** Undefined where there is no more for now. @throws Error of the file system, or one that `isCorrupt` */
  read(): LogPart | undefined {
    // Asked before: when there is another segment, nothing is written to this one any more.
    const next = segmentsOf(this.#path).find((segment) => segment > this.#segment)
    const data = this.#rest()
    const length = data.lastIndexOf(10) + 1
    const writes: Write[] = []
    let taken = 0
    while (taken < length) {
      const end = data.indexOf(10, taken)
      const entry = decodeEntry(data.toString('utf8', taken, end))
      if (entry === undefined) {
        if (!hasEntry(data, end + 1, length)) break
        const where = `${segmentPath(this.#path, this.#segment)}, from byte ${this.#offset + taken} on`
        throw damaged(`its log is not what was written: ${where}`)
      }
      if (Array.isArray(entry)) for (const write of entry) writes.push(write)
      else this.#base = entry.base
      taken = end + 1
    }
    return taken === 0 && next === undefined ? undefined : { base: this.#base, writes, end: this.#offset + taken, next }
  }

  /** What was read is in the database. */
  drop({ end, next }: LogPart): void {
    this.#offset = end
    if (next !== undefined) this.#go(next)
  }

  /** All of it is in the database, and nobody writes. @returns the number of the next segment */
  finish(): number {
    this.#go(this.#segment + 1)
    return this.#segment
  }

  #rest(): Buffer {
    const path = segmentPath(this.#path, this.#segment)
    if (!existsSync(path)) return Buffer.alloc(0)
    const file = openSync(path, 'r')
    try {
      const data = Buffer.alloc(Math.max(0, fstatSync(file).size - this.#offset))
      let filled = 0
      while (filled < data.length) {
        const bytes = readSync(file, data, filled, data.length - filled, this.#offset + filled)
        if (bytes === 0) break
        filled += bytes
      }
      return data.subarray(0, filled)
    } finally {
      closeSync(file)
    }
  }

  #go(segment: number): void {
    rmSync(segmentPath(this.#path, this.#segment), { force: true })
    this.#segment = segment
    this.#offset = 0
  }
}

/** Whether an entry stands somewhere after: then what is before it is damaged, and not just what was written last. */
function hasEntry(data: Buffer, from: number, length: number): boolean {
  for (let at = from; at < length; ) {
    const end = data.indexOf(10, at)
    if (decodeEntry(data.toString('utf8', at, end)) !== undefined) return true
    at = end + 1
  }
  return false
}
