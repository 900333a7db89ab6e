/**
 * Owns the cutting of a connection's bytes into frames: one JSON object a line, of bounded length. What a frame may say is
 * protocol/control.ts.
 */
import { maxFrameBytes } from '../../protocol/control.ts'

/** A frame that comes in more pieces than this is put together on the way: a piece costs more than its bytes. */
const maxParts = 1024

export class FrameReader {
  #maxBytes: number
  #parts: Buffer[] = []
  #bytes = 0

  constructor(maxBytes = maxFrameBytes) {
    this.#maxBytes = maxBytes
  }

  /**
   * Yields the complete lines of a chunk, as text. The unfinished rest is kept for the next.
   * @throws RangeError where a frame is longer than `maxBytes`, default 1 MiB, newline included
   */
  *lines(chunk: Buffer): Generator<string, void> {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      this.#keep(chunk.subarray(start, end))
      start = end + 1
      const line = Buffer.concat(this.#parts).toString('utf8')
      this.#parts = []
      this.#bytes = 0
      yield line
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start))
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length
    if (this.#bytes >= this.#maxBytes) throw new RangeError(`A frame is longer than ${this.#maxBytes} bytes.`)
    this.#parts.push(part)
    if (this.#parts.length > maxParts) this.#parts = [Buffer.concat(this.#parts)]
  }
}
