/**
 * Owns the reading of a body: bytes in, JSON out that every agent can take. What it must say is the routes'.
 *
 * 1. UTF-8 that is none, JSON that is none, nesting that is too deep, lone surrogates and `__proto__` go no further.
 */
import { isUtf8 } from 'node:buffer'
import { AxonError } from '../../errors.ts'

const [quote, backslash, openList, closeList, openObject, closeObject] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d]

/** @throws AxonError GATEWAY_REQUEST_MALFORMED */
export function parseBody(body: Buffer, maxDepth: number): unknown {
  if (!isUtf8(body)) throw malformed('is not UTF-8')
  if (depthOf(body) > maxDepth) throw malformed(`is nested deeper than ${maxDepth}`)
  const text = body.toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('is not JSON')
  }
  // Only what is escaped, or says it, can hold one of them.
  if (text.includes('\\u') || text.includes('__proto__')) demandHarmless(value)
  return value
}

/** Scanned before it is parsed: what is too deep is never built. */
function depthOf(body: Buffer): number {
  let depth = 0
  let deepest = 0
  let isText = false
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at]
    if (isText) {
      if (byte === backslash) at += 1
      else if (byte === quote) isText = false
    } else if (byte === quote) isText = true
    else if (byte === openList || byte === openObject) {
      depth += 1
      if (depth > deepest) deepest = depth
    } else if (byte === closeList || byte === closeObject) depth -= 1
  }
  return deepest
}

function demandHarmless(value: unknown): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw malformed('has half of a surrogate pair')
  } else if (Array.isArray(value)) value.forEach(demandHarmless)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (key === '__proto__') throw malformed('has a key __proto__')
      demandHarmless(key)
      demandHarmless(inner)
    }
  }
}

function malformed(what: string): AxonError {
  return new AxonError('GATEWAY_REQUEST_MALFORMED', `The body of the request ${what}.`)
}
