/**
 * Owns what a process writes to its standard output and error: lines of bounded length, control characters taken out, the last
 * of them kept. Where lines go belongs to telemetry.
 */
import type { Readable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'

export type OutputStream = 'stdout' | 'stderr'

/** The longest line in bytes; what is beyond it is dropped and counted. */
const maxLineBytes = 16 * 1024
const keptLines = 40

export interface OutputLine {
  stream: OutputStream
  line: string
  /** Bytes of this line that were dropped. */
  droppedBytes: number
}

/** Reads the output of one process. Memory is bounded by one line a stream and the last 40 lines. */
export class Output {
  #last: string[] = []
  #onLine: (line: OutputLine) => void
  #sources = new Set<Readable>()
  #ended: (() => void)[] = []

  constructor(onLine: (line: OutputLine) => void) {
    this.#onLine = onLine
  }

  /** The last lines of both streams, oldest first. */
  get lastLines(): readonly string[] {
    return this.#last
  }

  /** Resolves when every stream that was attached has ended. */
  get ended(): Promise<void> {
    return this.#sources.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#ended.push(resolve))
  }

  /** Lets go of every stream: what a process left behind may hold its end open for ever. */
  close(): void {
    for (const source of this.#sources) source.destroy()
  }

  attach(stream: OutputStream, source: Readable): void {
    this.#sources.add(source)
    let pending: Buffer[] = []
    let pendingBytes = 0
    let droppedBytes = 0
    const add = (part: Buffer) => {
      const kept = part.subarray(0, Math.max(0, maxLineBytes - pendingBytes))
      // A copy: a slice would keep the whole chunk alive.
      if (kept.length > 0) pending.push(Buffer.from(kept))
      pendingBytes += kept.length
      droppedBytes += part.length - kept.length
    }
    const flush = () => {
      const line = clean(Buffer.concat(pending).toString('utf8'))
      if (line !== '' || droppedBytes > 0) {
        this.#last.push(line)
        if (this.#last.length > keptLines) this.#last.shift()
        this.#onLine({ stream, line, droppedBytes })
      }
      pending = []
      pendingBytes = 0
      droppedBytes = 0
    }
    source.on('data', (chunk: Buffer) => {
      let start = 0
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        add(chunk.subarray(start, end))
        flush()
        start = end + 1
      }
      add(chunk.subarray(start))
    })
    source.on('error', () => {})
    source.once('close', () => {
      flush()
      this.#sources.delete(source)
      if (this.#sources.size === 0) for (const resolve of this.#ended.splice(0)) resolve()
    })
  }
}

function clean(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return stripVTControlCharacters(line).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
}
