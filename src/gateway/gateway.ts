/**
 * Owns the gateway as a whole: the server, its limits, the order in which a request is looked at, and its end.
 *
 * 1. Nothing reaches a route that Host, Origin, token, size, type and JSON have not let through, in this order.
 * 2. Every answer that is an error has the one wire shape.
 * 3. `close()` starts no more runs, lets those go on for `graceMs`, then ends them. Nothing is left.
 */
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { AxonError } from '../errors.ts'
import type { Axon } from '../runtime/axon.ts'
import { parseBody } from '../runtime/serving/bodies.ts'
import { allowedHosts, demandHost, securityHeaders } from '../runtime/serving/hosts.ts'
import { authorityOf, unlistening } from '../runtime/serving/listening.ts'
import type { Enterable, PageEntrance } from '../runtime/serving/page.ts'
import { makeToken } from '../runtime/serving/token.ts'
import { packageVersion } from '../runtime/serving/version.ts'
import { readTraceHeaders } from '../runtime/telemetry/trace-context.ts'
import { boundConnections, mayBeEndless, refuseConnection } from './connections.ts'
import { Front } from './front.ts'
import { checkOrigins, demandAgent, demandUncompressed, isPreflight, preflightHeaders } from './guards.ts'
import { type DescribedRoute, describedRoutes, openApi } from './openapi.ts'
import { type GatewayOptions, type GatewaySettings, parseOptions } from './options.ts'
import { protocols } from './protocols.ts'
import { agentRoutes } from './routes/agents.ts'
import { pageRoutes } from './routes/page.ts'
import { runRoutes } from './routes/runs.ts'
import { systemRoutes } from './routes/system.ts'
import { GatewayRuns } from './runs.ts'
import { noRoute, notJson, refusalOf, setRefusalHeaders, statusOf, toWire } from './statuses.ts'
import { anybody, type Caller, Tokens, tokensFrom } from './tokens.ts'

export interface Gateway extends AsyncDisposable {
  /** `http://127.0.0.1:4711`. */
  readonly url: string
  readonly address: AddressInfo
  /** The token that was made because none was given; undefined where there are others, or none is asked for. */
  readonly token: string | undefined
  /** Starts no more runs, lets those under way end within `graceMs`, and closes. Idempotent; `axon` is left as it is. */
  close(): Promise<void>
}

/**
 * Puts an HTTP front door before a system that was started.
 * @throws AxonError CONFIG_INVALID, PORT_IN_USE
 */
export async function createGateway(axon: Axon, options: GatewayOptions = {}): Promise<Gateway> {
  const settings = parseOptions(options)
  const given = settings.auth ? (settings.tokens ?? tokensFrom(process.env)) : undefined
  const token = settings.auth && given === undefined ? makeToken() : undefined
  const tokens = settings.auth
    ? new Tokens(given ?? [{ token: token as string, name: 'owner', roles: ['run', 'operate', 'read'] }])
    : undefined
  const runs = new GatewayRuns(axon, settings)
  const app = makeServer(settings)
  const front = new Front(app, axon, settings, runs)
  const entrance = settings.page && enterPage(settings.page, front, tokens)
  guard(front, tokens)
  if (entrance) pageRoutes(front, entrance)
  addRoutes(front)
  try {
    await app.listen({ host: settings.host, port: settings.port })
  } catch (error) {
    entrance?.close()
    runs.close()
    throw unlistening('The gateway', settings, error)
  }
  const address = app.server.address() as AddressInfo
  listening.set(front, allowedHosts(settings.host, settings.hosts, address.port))
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= end(front, entrance)
    return closing
  }
  const url = `http://${authorityOf(settings.host, address)}`
  return { url, address, token, close, [Symbol.asyncDispose]: close }
}

/** What `Host` may say is known when the port is. */
const listening = new WeakMap<Front, ReadonlySet<string>>()

const maxHeaderBytes = 16 * 1024

function makeServer(settings: GatewaySettings): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: settings.maxBodyBytes,
    keepAliveTimeout: settings.keepAliveMs,
    requestTimeout: settings.requestMs,
    http: {
      maxHeaderSize: maxHeaderBytes,
      // The guard of Host refuses in the one shape.
      requireHostHeader: false,
      headersTimeout: Math.min(settings.headersMs, settings.requestMs),
      connectionsCheckingInterval: Math.min(1_000, settings.headersMs),
    },
    forceCloseConnections: true,
    return503OnClosing: false,
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, maxParamLength: 256 },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => {
      // The hooks do not see it.
      if (mayBeEndless(request.raw, settings)) reply.header('connection', 'close')
      answerError(undefined, error, reply as unknown as FastifyReply)
    },
    exposeHeadRoutes: true,
  })
  boundConnections(app.server, settings)
  return app
}

function guard(front: Front, tokens: Tokens | undefined): void {
  const { app, settings } = front
  const origins = new Set(settings.origins)
  // Hooks that are no promises cost a run less.
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(securityHeaders)
    if (front.isClosing) reply.header('connection', 'close')
    try {
      checkOrigins(request, reply, listening.get(front) ?? new Set(), origins)
      if (isPreflight(request)) return void reply.code(204).headers(preflightHeaders).send()
      if (!request.routeOptions.config?.isOpen) {
        const caller = tokens?.identify(request.headers.authorization) ?? anybody
        const trace = readTraceHeaders(request.headers)
        front.setCaller(request, trace === undefined ? caller : { ...caller, trace })
      }
      demandUncompressed(request)
    } catch (error) {
      return done(error as Error)
    }
    done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    if (mayBeEndless(request.raw, settings)) reply.header('connection', 'close')
    // Whoever does not take the answer is cut off; the next request sets the time anew.
    reply.raw.socket?.setTimeout(settings.stallMs)
    done(null, payload)
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    /^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i,
    { parseAs: 'buffer' },
    (_, body, done) => {
      try {
        done(null, parseBody(body as Buffer, settings.maxDepth))
      } catch (error) {
        done(error as Error)
      }
    },
  )
  app.addHook('preValidation', (request, _, done) => {
    if (request.method === 'POST' && request.body === undefined) done(notJson())
    else done()
  })
  app.setErrorHandler((error, request, reply) => answerError(front.knownCaller(request), error, reply))
  app.setNotFoundHandler((request, reply) => answerError(front.knownCaller(request), noRoute(), reply))
}

/** Behind the gateway's own door: its hosts, its tokens, its runs. */
function enterPage(page: Enterable, front: Front, tokens: Tokens | undefined): PageEntrance {
  const { app, runs } = front
  const entrance = page.enter({
    callerOf: (token) => (tokens ? tokens.callerOf(token) : anybody),
    demandHost: (request) => demandHost(request, listening.get(front) ?? new Set()),
    startRun: (caller, agent, request) => {
      demandAgent(front.axon, caller as Caller, agent)
      return runs.start(caller as Caller, agent, request).id
    },
  })
  app.server.on('upgrade', (request, socket, head) => entrance.upgrade(request, socket, head))
  return entrance
}

function addRoutes(front: Front): void {
  const { app } = front
  const described: DescribedRoute[] = []
  const methods = new Map<string, Set<string>>()
  app.addHook('onRoute', (route) => {
    described.push(...describedRoutes(route))
    methods.set(route.url, new Set([...(methods.get(route.url) ?? []), ...[route.method].flat()]))
  })
  systemRoutes(front, () => openApi(described, packageVersion()))
  agentRoutes(front)
  runRoutes(front)
  for (const add of protocols) add(front)
  // What an address does not take is told, rather than that there is nothing.
  for (const [url, taken] of [...methods]) {
    const others = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter((method) => !taken.has(method))
    const allow = [...taken].join(', ')
    app.route({
      method: others,
      url,
      exposeHeadRoute: false,
      onRequest: async (_, reply) => {
        reply.header('allow', allow)
        throw new AxonError('GATEWAY_METHOD_UNKNOWN', `This address takes ${allow}.`)
      },
      handler: () => undefined,
    })
  }
}

function answerError(caller: Parameters<typeof toWire>[1], given: unknown, reply: FastifyReply): FastifyReply {
  const error = refusalOf(given)
  setRefusalHeaders(reply, error)
  return reply.code(statusOf(error.code)).send(toWire(error, caller))
}

async function end(front: Front, entrance: PageEntrance | undefined): Promise<void> {
  const { app, runs, settings } = front
  front.isClosing = true
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, settings.graceMs)
  await Promise.race([runs.drained(), late])
  clearTimeout(timer)
  entrance?.close()
  runs.close()
  await app.close()
}
