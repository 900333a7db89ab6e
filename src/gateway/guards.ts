/**
 * Owns what a request must be before a route sees it: from a name and a page that are allowed, by a caller that is known, for an
 * agent that the caller may use.
 *
 * 1. Host and Origin are looked at first, of every route, and say nothing of what there is.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AxonError } from '../errors.ts'
import type { Axon } from '../runtime/axon.ts'
import { demandHost, demandOwnOrigin } from '../runtime/serving/hosts.ts'
import type { Role } from './options.ts'
import type { Caller } from './tokens.ts'

/** @throws AxonError GATEWAY_FORBIDDEN, GATEWAY_REQUEST_MALFORMED */
export function checkOrigins(
  request: FastifyRequest,
  reply: FastifyReply,
  hosts: ReadonlySet<string>,
  origins: ReadonlySet<string>,
): void {
  const { origin } = request.headers
  demandHost(request.raw, hosts)
  if (origin === undefined) return
  if (origins.has(origin)) {
    reply.headers({
      'access-control-allow-origin': origin,
      vary: 'Origin',
      'cross-origin-resource-policy': 'cross-origin',
    })
    reply.header(
      'access-control-expose-headers',
      'Retry-After, X-Axon-Run, Location, X-Request-Id, X-Should-Retry, Mcp-Session-Id',
    )
  } else demandOwnOrigin(request.raw)
}

/** Whether it is a browser's question before a request of a page that may call. */
export function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}

export const preflightHeaders = {
  'access-control-allow-methods': 'GET, POST, DELETE',
  // Clients of the protocols add headers of their own; the star does not stand for Authorization.
  'access-control-allow-headers': 'Authorization, *',
  'access-control-max-age': '600',
} as const

/** Nothing is unpacked, so that a bomb is as large as it looks. @throws AxonError GATEWAY_REQUEST_NOT_JSON, GATEWAY_REQUEST_MALFORMED */
export function demandUncompressed({ headers }: FastifyRequest): void {
  const { 'content-encoding': content = 'identity', 'transfer-encoding': transfer = 'chunked' } = headers
  if (content.toLowerCase() !== 'identity') {
    const message = 'The body is compressed. Send it as it is, without Content-Encoding.'
    throw new AxonError('GATEWAY_REQUEST_NOT_JSON', message)
  }
  if (transfer.toLowerCase() !== 'chunked')
    throw new AxonError('GATEWAY_REQUEST_MALFORMED', 'Transfer-Encoding is not chunked. Send Content-Length instead.')
}

/** @throws AxonError GATEWAY_FORBIDDEN */
export function demandRole(caller: Caller, ...oneOf: readonly Role[]): void {
  if (oneOf.some((role) => caller.roles.has(role))) return
  throw new AxonError('GATEWAY_FORBIDDEN', `This token has not the role ${oneOf.join(' or ')}. Use one that has.`)
}

export function mayUse({ agents }: Caller, agent: string): boolean {
  return agents === undefined || agents.has(agent)
}

/** Whether a caller may run that agent. @throws AxonError GATEWAY_FORBIDDEN, AGENT_UNKNOWN */
export function demandRun(axon: Axon, caller: Caller, agent: string): void {
  demandRole(caller, 'run')
  demandAgent(axon, caller, agent)
}

/** Whether there is one is told only to who may use it. @throws AxonError GATEWAY_FORBIDDEN, AGENT_UNKNOWN */
export function demandAgent(axon: Axon, caller: Caller, agent: string): void {
  if (!mayUse(caller, agent))
    throw new AxonError('GATEWAY_FORBIDDEN', 'This token may not use that agent. Use one that may.')
  if (axon.agents.includes(agent)) return
  throw new AxonError(
    'AGENT_UNKNOWN',
    `There is no agent ${JSON.stringify(agent.slice(0, 63))}. GET /agents lists them.`,
  )
}
