/**
 * Owns what routes and protocols stand on: the server, the system behind it, and who calls.
 *
 * A protocol for clients that exist is a file in protocols/ with one function that takes a Front and adds its routes to
 * `front.app`; it is listed in protocols.ts. By then a request has passed the guards of Host, Origin, token, content type, size and
 * JSON (`request.body` is parsed, an error is thrown as AxonError and answered in the one wire shape). A route asks
 * `front.caller(request)`, demands a role and an agent (guards.ts), turns its body into a RunRequest, and runs it as that caller:
 *
 *     front.runs.run(caller, agent, request, { signal: front.gone(reply), key })   // the whole answer
 *     front.runs.stream(caller, agent, request, { signal: front.gone(reply) })     // events; leaving ends the run
 *     front.runs.start(caller, agent, request)                                     // in the background; find, events, cancel
 *
 * `front.gone(reply)` is aborted when the client has gone: give it to every run. `front.send(reply, pieces, onError)` writes a
 * stream of server-sent events with backpressure, in whatever words the protocol has. Where errors have a shape of their own,
 * the route catches them: `statusOf`, `retryAfterOf` and `toWire` (statuses.ts) say what they are.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Axon } from '../runtime/axon.ts'
import { sendEventStream } from './event-stream.ts'
import type { Operation } from './openapi.ts'
import type { GatewaySettings } from './options.ts'
import type { GatewayRuns } from './runs.ts'
import type { Caller } from './tokens.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a token. */
    isOpen?: boolean
    /** What OpenAPI says of the route; undefined: it is not in there. */
    operation?: Operation
  }
}

const callers = new WeakMap<FastifyRequest, Caller>()

export class Front {
  readonly app: FastifyInstance
  readonly axon: Axon
  readonly settings: GatewaySettings
  readonly runs: GatewayRuns
  /** Whether `close()` was called: no run is started any more. */
  isClosing = false

  constructor(app: FastifyInstance, axon: Axon, settings: GatewaySettings, runs: GatewayRuns) {
    this.app = app
    this.axon = axon
    this.settings = settings
    this.runs = runs
  }

  /** Who sent the request. Only of routes that ask for a token. */
  caller(request: FastifyRequest): Caller {
    const caller = callers.get(request)
    if (caller === undefined) throw new TypeError('This route asks for no token, and knows no caller.')
    return caller
  }

  /** Undefined where the token was not looked at yet. */
  knownCaller(request: FastifyRequest): Caller | undefined {
    return callers.get(request)
  }

  setCaller(request: FastifyRequest, caller: Caller): void {
    callers.set(request, caller)
  }

  /** Aborted when the client has gone before it had its answer. */
  gone({ raw }: FastifyReply): AbortSignal {
    const controller = new AbortController()
    raw.once('close', () => {
      if (!raw.writableFinished) controller.abort(new Error('The client has gone.'))
    })
    if (raw.destroyed) controller.abort(new Error('The client has gone.'))
    return controller.signal
  }

  /**
   * Sends server-sent events, each piece one or more of them; `false` where there was none, and nothing was sent.
   * @param onError what a stream that breaks off says at its end
   * @throws what `pieces` throws before the first: it can still be answered with a status
   */
  send(
    reply: FastifyReply,
    pieces: AsyncIterable<string>,
    onError: (error: unknown) => string,
    headers: Record<string, string> = {},
  ): Promise<boolean> {
    const { stallMs, commentMs } = this.settings
    return sendEventStream(reply, pieces, { headers, stallMs, commentMs, onError })
  }
}
