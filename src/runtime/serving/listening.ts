/**
 * Owns what a server of Axon says of where it listens: its address, and why it cannot.
 */
import type { AddressInfo } from 'node:net'
import { AxonError } from '../../errors.ts'

/** `127.0.0.1:4840`, `[::1]:4840`, or the name that was asked for where that is `localhost`. */
export function authorityOf(host: string, { port, family, address }: AddressInfo): string {
  const name = host === 'localhost' ? host : family === 'IPv6' ? `[${address}]` : address
  return `${name}:${port}`
}

/** PORT_IN_USE, or CONFIG_INVALID. @param what for a person: `The gateway` */
export function unlistening(what: string, { host, port }: { host: string; port: number }, cause: unknown): AxonError {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code !== 'EADDRINUSE')
    return new AxonError('CONFIG_INVALID', `${what} cannot listen on ${host}:${port}: ${message}.`, { cause })
  const taken = `Somebody listens on ${host}:${port} already. Choose another port, or 0.`
  return new AxonError('PORT_IN_USE', taken, { cause })
}
