/**
 * Owns tokens as such: how they are made, and compared so that the time it takes tells nothing.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

/** A token that nobody can guess. */
export function makeToken(): string {
  return `axon_${randomBytes(32).toString('base64url')}`
}

/** Kept in place of a token. */
export function digestOf(token: string | Buffer): Buffer {
  return hash('sha256', token, 'buffer')
}

export function isTokenOf(digest: Buffer, presented: string): boolean {
  return timingSafeEqual(digest, digestOf(presented))
}

/** What the ids of a caller's runs begin with: a run's owner is known by its id, also after a restart. */
export function tagOf(caller: string): string {
  return digestOf(`axon-caller:${caller}`).toString('hex').slice(0, 16)
}
