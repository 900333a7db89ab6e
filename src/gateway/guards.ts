/**
 * Owns what a request must be before a route sees it: from a name and a page that are allowed, by a caller that is known, for an
 * agent that the caller may use.
 *
 * 1. Host and Origin are looked at first, of every route, and say nothing of what there is.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AxonError } from '../errors.ts'
import type { Axon } from '../runtime/axon.ts'
import type { GatewaySettings, Role } from './options.ts'
import type { Caller } from './tokens.ts'

/** On every answer. */
export const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
} as const

/** What `Host` may say, all in lower case. */
export function allowedHosts({ host, hosts }: GatewaySettings, port: number): ReadonlySet<string> {
  const bracketed = host.includes(':') ? `[${host}]` : host
  const names = ['localhost', '127.0.0.1', '[::1]', bracketed, ...hosts].map((name) => name.toLowerCase())
  return new Set(names.flatMap((name) => (/[^:\]]:\d+$|\]:\d+$/.test(name) ? [name] : [name, `${name}:${port}`])))
}

/** @throws AxonError GATEWAY_FORBIDDEN, GATEWAY_REQUEST_MALFORMED */
export function checkOrigins(
  request: FastifyRequest,
  reply: FastifyReply,
  hosts: ReadonlySet<string>,
  origins: ReadonlySet<string>,
): void {
  const { rawHeaders, url = '' } = request.raw
  const { origin } = request.headers
  const host = request.headers.host?.toLowerCase() ?? ''
  if (!url.startsWith('/')) {
    throw new AxonError(
      'GATEWAY_REQUEST_MALFORMED',
      'The target of the request is no path. Send one that begins with /.',
    )
  }
  if (timesSaid(rawHeaders, 'host') !== 1 || !hosts.has(host)) {
    const message = 'The Host header names no host of this gateway. Use its own address, or list the name as hosts.'
    throw new AxonError('GATEWAY_FORBIDDEN', message)
  }
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
  } else if (origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new AxonError('GATEWAY_FORBIDDEN', 'Pages of this Origin may not call. List it as origins.')
  }
}

function timesSaid(rawHeaders: readonly string[], name: string): number {
  let times = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const said = rawHeaders[at]
    if (said?.length === name.length && said.toLowerCase() === name) times += 1
  }
  return times
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
