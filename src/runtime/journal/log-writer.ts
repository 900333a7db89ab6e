/**
 * Owns the end of the journal's log at which the system's thread writes. What was written is with the kernel when `append`
 * returns, and so is there however Node ends. Reading it, and removing what was read, is log-reader.ts.
 *
 * 1. What is appended together is in the log as a whole or not at all.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { encodeEntry, segmentPath } from './log-format.ts'
import type { Write } from './messages.ts'

/** A segment that has reached this size is followed by another. */
const segmentBytes = 4 * 1024 * 1024

export class LogWriter {
  readonly #path: string
  readonly #base: number
  #segment: number
  #file: number | undefined
  #bytes = 0
  readonly #onGrown: () => void
  #isFollowed = true
  #hasGrown = false

  /**
   * @param segment the number of the first, which is made when something is written
   * @param onGrown there is something to be read; called again only after `applied`
   */
  constructor(path: string, base: number, segment: number, onGrown: () => void) {
    this.#path = path
    this.#base = base
    this.#segment = segment
    this.#onGrown = onGrown
  }

  /** @throws Error of the file system; nothing was appended then */
  append(writes: Write[]): void {
    if (this.#bytes >= segmentBytes) this.#end()
    this.#file ??= openSync(segmentPath(this.#path, this.#segment), 'ax', 0o600)
    const head = this.#bytes === 0 ? encodeEntry({ base: this.#base }) : ''
    const data = Buffer.from(head + encodeEntry(writes))
    try {
      let written = 0
      while (written < data.length) written += writeSync(this.#file, data, written)
    } catch (error) {
      this.#takeBack(this.#file)
      throw error
    }
    this.#bytes += data.length
    this.#hasGrown = true
    if (this.#isFollowed) this.#tell()
  }

  /** What was there when `onGrown` was called has been read, and perhaps more. */
  applied(): void {
    this.#isFollowed = true
    if (this.#hasGrown) this.#tell()
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  /** What is there of an entry is cut off. Where it cannot be, it stands at the end of its segment, and is no entry. */
  #takeBack(file: number): void {
    try {
      ftruncateSync(file, this.#bytes)
    } catch {
      this.#end()
    }
  }

  #tell(): void {
    this.#hasGrown = false
    this.#isFollowed = false
    this.#onGrown()
  }

  #end(): void {
    this.close()
    this.#segment += 1
    this.#bytes = 0
  }
}
