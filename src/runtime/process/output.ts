/**
 * Owns what a process writes to its standard output and error: lines of bounded length, control characters taken out, the last
 * of them kept. Where lines go belongs to telemetry.
 */
import type { Readable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/
const allControls = new RegExp(controls, 'g')

export type OutputStream = 'stdout' | 'stderr'

/** The longest line in bytes; what is beyond it is dropped and counted. */
const maxLineBytes = 16 * 1024
const keptLines = 40
/** What is told of a stream before others have a turn, in characters; a line costs as much as this many more. */
const charsPerTurn = 64 * 1024
const charsPerLine = 100

export interface OutputLine {
  stream: OutputStream
  line: string
  /** Bytes of this line that were dropped; on Ray also of lines before it. */
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
    /** The beginning of a line whose end has not come yet. */
    let pending: Buffer[] = []
    let pendingBytes = 0
    let droppedBytes = 0
    let toldChars = 0
    const add = (part: Buffer) => {
      const kept = part.subarray(0, Math.max(0, maxLineBytes - pendingBytes))
      // A copy: a slice would keep the whole chunk alive.
      if (kept.length > 0) pending.push(Buffer.from(kept))
      pendingBytes += kept.length
      droppedBytes += part.length - kept.length
    }
    const tell = (said: string) => {
      toldChars += charsPerLine + said.length
      const line = cleanLine(said)
      if (line === '' && droppedBytes === 0) return
      this.#last.push(line)
      if (this.#last.length > keptLines) this.#last.shift()
      this.#onLine({ stream, line, droppedBytes })
    }
    const flush = () => {
      tell(Buffer.concat(pending).toString('utf8'))
      pending = []
      pendingBytes = 0
      droppedBytes = 0
    }
    const take = (chunk: Buffer) => {
      let start = 0
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        if (pendingBytes === 0 && end - start <= maxLineBytes) tell(chunk.toString('utf8', start, end))
        else {
          add(chunk.subarray(start, end))
          flush()
        }
        start = end + 1
      }
      if (start < chunk.length) add(chunk.subarray(start))
    }
    source.on('data', (chunk: Buffer) => {
      take(chunk)
      if (toldChars < charsPerTurn || source.isPaused()) return
      // Node reads many chunks at a stretch, and everybody else would wait as long.
      source.pause()
      setImmediate(() => {
        toldChars = 0
        source.resume()
      })
    })
    source.on('error', () => {})
    source.once('close', () => {
      flush()
      this.#sources.delete(source)
      if (this.#sources.size === 0) for (const resolve of this.#ended.splice(0)) resolve()
    })
  }
}

export function cleanLine(line: string): string {
  if (!controls.test(line)) return line
  return stripVTControlCharacters(line).replaceAll(allControls, '')
}
