/**
 * Owns the writing of `text/event-stream`: one event at a time, as fast as its reader takes them.
 *
 * 1. The status is sent with the first event: what goes wrong before has a status of its own.
 * 2. A reader that takes nothing for `stallMs` is cut off; its leaving ends the loop, and with it the run.
 */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

export interface EventStreamOptions {
  headers?: Record<string, string>
  /** Milliseconds until a reader that takes nothing is cut off. */
  stallMs: number
  /** Milliseconds of silence until a comment is sent. */
  commentMs: number
  /** The last piece of a stream that breaks off after its first. */
  onError: (error: unknown) => string
}

/**
 * Sends pieces of text, each one or more whole events. Resolves when all are written or the reader has gone; `false` where there
 * was none: nothing has been sent then.
 * @throws what `pieces` throws before the first
 */
export async function sendEventStream(
  reply: FastifyReply,
  pieces: AsyncIterable<string>,
  options: EventStreamOptions,
): Promise<boolean> {
  const { raw } = reply
  const reader = pieces[Symbol.asyncIterator]()
  const first = await reader.next()
  if (first.done) return false
  const headers = reply.getHeaders() as Record<string, string>
  reply.hijack()
  raw.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
    ...options.headers,
  })
  const silence = setInterval(() => raw.writableLength === 0 && raw.write(': \n\n'), options.commentMs)
  try {
    for (let next: IteratorResult<string> = first; !next.done && !raw.destroyed; next = await reader.next()) {
      silence.refresh()
      if (!raw.write(next.value)) await drained(raw, options.stallMs)
    }
  } catch (error) {
    if (!raw.destroyed) raw.write(options.onError(error))
  } finally {
    clearInterval(silence)
    await reader.return?.()
    raw.socket?.setTimeout(options.stallMs)
    raw.end()
  }
  return true
}

/** Resolves when there is room again, or nobody reads on. */
async function drained(raw: ServerResponse, stallMs: number): Promise<void> {
  const gone = new AbortController()
  const leave = () => gone.abort()
  raw.once('close', leave)
  raw.socket?.setTimeout(stallMs)
  try {
    await once(raw, 'drain', { signal: gone.signal })
    raw.socket?.setTimeout(0)
  } catch {
    raw.destroy()
  } finally {
    raw.off('close', leave)
  }
}

/** One event without a name or an id. */
export function dataText(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

/** One event as the format has it. */
export function eventText(event: string, data: unknown, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
