/**
 * Owns what a request must say of where it goes and comes from, for every server of Axon: a name that is this server's, and a page
 * that is its own. A page of elsewhere, and a name that leads here by DNS, get nothing.
 */
import type { IncomingMessage } from 'node:http'
import { AxonError } from '../../errors.ts'

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
export function allowedHosts(host: string, hosts: readonly string[], port: number): ReadonlySet<string> {
  const bracketed = host.includes(':') ? `[${host}]` : host
  const names = ['localhost', '127.0.0.1', '[::1]', bracketed, ...hosts].map((name) => name.toLowerCase())
  return new Set(names.flatMap((name) => (/[^:\]]:\d+$|\]:\d+$/.test(name) ? [name] : [name, `${name}:${port}`])))
}

/** @throws AxonError GATEWAY_FORBIDDEN, GATEWAY_REQUEST_MALFORMED */
export function demandHost({ rawHeaders, url = '', headers }: IncomingMessage, hosts: ReadonlySet<string>): void {
  if (!url.startsWith('/')) {
    throw new AxonError(
      'GATEWAY_REQUEST_MALFORMED',
      'The target of the request is no path. Send one that begins with /.',
    )
  }
  if (timesSaid(rawHeaders, 'host') !== 1 || !hosts.has(headers.host?.toLowerCase() ?? '')) {
    const message = 'The Host header names no host of this gateway. Use its own address, or list the name as hosts.'
    throw new AxonError('GATEWAY_FORBIDDEN', message)
  }
}

/** @throws AxonError GATEWAY_FORBIDDEN where a page of another origin asks */
export function demandOwnOrigin({ headers }: IncomingMessage): void {
  if (headers.origin === undefined || isOwnOrigin(headers.origin, headers.host)) return
  throw new AxonError('GATEWAY_FORBIDDEN', 'Pages of this Origin may not call. List it as origins.')
}

export function isOwnOrigin(origin: string, host = ''): boolean {
  return origin === `http://${host.toLowerCase()}` || origin === `https://${host.toLowerCase()}`
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

function timesSaid(rawHeaders: readonly string[], name: string): number {
  let times = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const said = rawHeaders[at]
    if (said?.length === name.length && said.toLowerCase() === name) times += 1
  }
  return times
}
