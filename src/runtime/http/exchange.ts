/**
 * Owns one exchange over a pool of connections whose answer is wanted as a whole: undici's dispatch without the stream that its
 * `request` makes of every body, which costs more than all else that Axon does for a run.
 */
import type { Dispatcher, Pool } from 'undici'

export interface Answer {
  status: number
  text: string
}

/**
 * Sends a request and reads its whole answer.
 * @param signal ends the exchange; the promise is then rejected with its reason
 * @param maxBytes of the answer; a longer one is a `RangeError`
 * @param onBegun called with the status when the answer begins
 * @throws what undici says of the connection
 */
export function exchange(
  pool: Pool,
  options: Dispatcher.DispatchOptions,
  signal: AbortSignal,
  maxBytes: number,
  onBegun?: (status: number) => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    let controller: Dispatcher.DispatchController | undefined
    let status = 0
    let bytes = 0
    const chunks: Buffer[] = []
    const abort = () => {
      reject(signal.reason)
      controller?.abort(signal.reason)
    }
    const fail = (error: Error) => {
      signal.removeEventListener('abort', abort)
      reject(error)
    }
    signal.addEventListener('abort', abort)
    pool.dispatch(options, {
      onRequestStart(given) {
        controller = given
        if (signal.aborted) given.abort(signal.reason)
      },
      onResponseStart(_, statusCode) {
        status = statusCode
        onBegun?.(status)
      },
      onResponseData(given, chunk) {
        bytes += chunk.length
        if (bytes <= maxBytes) return void chunks.push(chunk)
        const error = new RangeError(`The answer is longer than ${maxBytes} bytes.`)
        fail(error)
        given.abort(error)
      },
      onResponseEnd() {
        signal.removeEventListener('abort', abort)
        const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
        resolve({ status, text: whole.toString('utf8') })
      },
      onResponseError(_, error) {
        fail(error)
      },
    })
  })
}
