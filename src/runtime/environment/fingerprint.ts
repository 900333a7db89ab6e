/**
 * Owns the content address of an environment. What stands in it is read elsewhere.
 */
import { createHash } from 'node:crypto'

/** Raised when environments are made in another way than before. */
const format = 1

/** 128 bits in hexadecimal digits: the shorter path keeps `#!` lines of scripts below the kernel's limit. */
export function fingerprintOf(parts: readonly (string | number)[]): string {
  return createHash('sha256')
    .update(JSON.stringify([format, ...parts]))
    .digest('hex')
    .slice(0, 32)
}
