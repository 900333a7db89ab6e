/**
 * Owns one HTTP exchange of MCP: fastify's request as the web's Request that the protocol's library takes, and its Response as
 * bytes. What is said in it is the library's.
 *
 * 1. The library learns neither token nor cookie.
 * 2. A reader that is slow holds back whoever tells progress: what is told and not yet read is bounded.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Front } from '../../front.ts'
import type { Caller } from '../../tokens.ts'

/** Messages that are told ahead of their reader. */
const maxAhead = 16

/** What a handler must know of the exchange that it answers in. */
export class Exchange {
  readonly caller: Caller
  /** Aborted when the client has left. */
  readonly gone: AbortSignal
  /** Resolves when the answer is over, however it ended. */
  readonly closed: Promise<void>
  #ahead = 0
  #room: PromiseWithResolvers<void> | undefined

  constructor(caller: Caller, gone: AbortSignal, closed: Promise<void>) {
    this.caller = caller
    this.gone = gone
    this.closed = closed
    gone.addEventListener('abort', () => this.#room?.resolve(), { once: true })
  }

  /** Resolves when one more message may be told, or nobody reads on. */
  async room(): Promise<void> {
    this.#ahead += 1
    if (this.#ahead <= maxAhead || this.gone.aborted) return
    this.#room ??= Promise.withResolvers<void>()
    await this.#room.promise
  }

  /** One message was taken. */
  taken(): void {
    this.#ahead = Math.max(0, this.#ahead - 1)
    this.#room?.resolve()
    this.#room = undefined
  }
}

const exchanges = new WeakMap<Request, Exchange>()

/** The exchange of a request that was opened here. */
export function exchangeOf(request: Request | undefined): Exchange {
  const exchange = request && exchanges.get(request)
  if (exchange === undefined) throw new TypeError('The request did not come through the gateway.')
  return exchange
}

const passedOn = /^(accept|content-type|last-event-id|mcp-.*)$/

/** The request without its body, which is parsed already. */
export function openExchange(front: Front, request: FastifyRequest, reply: FastifyReply): Request {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === 'string' && passedOn.test(name)) headers.set(name, value)
  }
  const gone = front.gone(reply)
  const opened = new Request(`http://localhost${request.url}`, { method: request.method, headers, signal: gone })
  const { raw } = reply
  const closed = raw.destroyed ? Promise.resolve() : new Promise<void>((resolve) => raw.once('close', resolve))
  exchanges.set(opened, new Exchange(front.caller(request), gone, closed))
  return opened
}

/** Sends what the library answers, a stream as fast as it is read. */
export async function sendResponse(front: Front, reply: FastifyReply, request: Request, response: Response) {
  response.headers.forEach((value, name) => {
    if (/^(content-type|allow|mcp-.*)$/.test(name)) reply.header(name, value)
  })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  if (!isStream || response.body === null) return await reply.code(response.status).send(await response.text())
  // What the library breaks off has no words of its own in this protocol: the client sees the end.
  await front.send(reply, piecesOf(response.body, exchangeOf(request)), () => '')
  return reply
}

async function* piecesOf(body: ReadableStream<Uint8Array>, exchange: Exchange): AsyncGenerator<string, void> {
  // The client learns at once that it is heard, however long the first message takes.
  yield ': \n\n'
  const reader = body.getReader()
  const leave = () => void reader.cancel().catch(() => {})
  exchange.gone.addEventListener('abort', leave, { once: true })
  const decoder = new TextDecoder()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      yield decoder.decode(next.value, { stream: true })
      exchange.taken()
    }
  } finally {
    leave()
  }
}
