/**
 * Owns the reading of a body: bytes in, JSON out that every agent can take. What it must say is the routes'.
 *
 * 1. UTF-8 that is none, JSON that is none, nesting that is too deep, lone surrogates, `__proto__`, a key that is said twice and
 *    numbers without bounds go no further.
 */
import { isUtf8 } from 'node:buffer'
import { AxonError } from '../../errors.ts'

const [quote, backslash, colon, openList, closeList, openObject, closeObject] = [
  0x22, 0x5c, 0x3a, 0x5b, 0x5d, 0x7b, 0x7d,
]

/** @throws AxonError GATEWAY_REQUEST_MALFORMED */
export function parseBody(body: Buffer, maxDepth: number): unknown {
  if (!isUtf8(body)) throw malformed('is not UTF-8')
  const { depth, members } = outlineOf(body)
  if (depth > maxDepth) throw malformed(`is nested deeper than ${maxDepth}`)
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    throw malformed('is not JSON')
  }
  // Of two keys the last one is kept; whoever looked at the body before may have read the first.
  if (harmlessMembers(value) !== members) throw malformed('says a key twice')
  return value
}

/** Scanned before it is parsed: what is too deep is never built. */
function outlineOf(body: Buffer): { depth: number; members: number } {
  let depth = 0
  let deepest = 0
  let members = 0
  let isText = false
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at]
    if (isText) {
      if (byte === backslash) at += 1
      else if (byte === quote) isText = false
    } else if (byte === quote) isText = true
    else if (byte === colon) members += 1
    else if (byte === openList || byte === openObject) {
      depth += 1
      if (depth > deepest) deepest = depth
    } else if (byte === closeList || byte === closeObject) depth -= 1
  }
  return { depth: deepest, members }
}

/** How many members all of its objects have together. */
function harmlessMembers(value: unknown): number {
  if (typeof value === 'string') demandWellFormed(value)
  else if (typeof value === 'number' && !Number.isFinite(value)) throw malformed('has a number that is too large')
  if (typeof value !== 'object' || value === null) return 0
  if (Array.isArray(value)) return value.reduce((sum: number, inner) => sum + harmlessMembers(inner), 0)
  let members = 0
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__') throw malformed('has a key __proto__')
    demandWellFormed(key)
    members += 1 + harmlessMembers(inner)
  }
  return members
}

function demandWellFormed(text: string): void {
  if (!text.isWellFormed()) throw malformed('has half of a surrogate pair')
}

function malformed(what: string): AxonError {
  return new AxonError('GATEWAY_REQUEST_MALFORMED', `The body of the request ${what}.`)
}
