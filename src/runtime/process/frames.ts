/**
 * Owns the cutting of a connection's bytes into frames: one JSON object a line, of bounded length. What a frame may say is
 * protocol/control.ts.
 */
import { maxFrameBytes } from '../../protocol/control.ts'

export class FrameReader {
  #parts: Buffer[] = []
  #bytes = 0;

  /**
   * Yields the complete lines of a chunk, as text. The unfinished rest is kept for the next.
   * @throws RangeError where a frame is longer than 1 MiB
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
    if (this.#bytes >= maxFrameBytes) throw new RangeError(`A frame is longer than ${maxFrameBytes} bytes.`)
    this.#parts.push(part)
  }
}
