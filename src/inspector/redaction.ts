/**
 * Owns what may be shown of a value: plain JSON, with secrets taken out, long texts cut, and what is too deep left out. Used where
 * frames are made; a page never sees more.
 */
import { isAxonError } from '../errors.ts'
import type { EventFrame } from './frames.ts'

/** The only list of names whose values are secret. Compared without case, `_` and `-`; a name that ends in one of them is one too. */
const secretNames = [
  'token',
  'nonce',
  'authorization',
  'secret',
  'password',
  'passphrase',
  'apikey',
  'privatekey',
  'cookie',
  'credential',
  'credentials',
]
/** Of these maps the names are shown, and no value. */
const secretMaps = new Set(['env', 'environ', 'headers'])

export const redacted = '[redacted]'

export interface Bounds {
  /** The longest text, in characters. Default 16 Ki. */
  maxChars: number
  /** How deep it is nested. Default 8. */
  maxDepth: number
  /** Entries of one list or map. Default 200. */
  maxEntries: number
  /** Values in all. Default 2 000. */
  maxValues: number
}

const defaults: Bounds = { maxChars: 16 * 1_024, maxDepth: 8, maxEntries: 200, maxValues: 2_000 }

/**
 * What may be shown of `value`: JSON, never longer than the bounds say.
 * @param seenAs what is looked at in place of each value within. Default: itself
 */
export function presentable(
  value: unknown,
  bounds: Partial<Bounds> = {},
  seenAs: (value: unknown) => unknown = (same) => same,
): unknown {
  return new Presentation({ ...defaults, ...bounds }, seenAs).of(value, 0)
}

/** What may be shown of an event: less, because there are many. */
export function presentableEvent(event: { type: string }): EventFrame['event'] {
  return presentable(event, { maxChars: 4_096, maxEntries: 50, maxValues: 300 }) as EventFrame['event']
}

export function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[_-]/g, '')
  return secretNames.some((secret) => plain.endsWith(secret))
}

/** `text`, or its beginning and how much was cut. */
export function cutText(text: string, maxChars = defaults.maxChars): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars)} …cut ${sizeOf(text.length - maxChars)}`
}

function sizeOf(chars: number): string {
  if (chars < 1_000) return `${chars} B`
  return chars < 1_000_000 ? `${(chars / 1_000).toFixed(1)} kB` : `${(chars / 1_000_000).toFixed(1)} MB`
}

class Presentation {
  readonly #bounds: Bounds
  readonly #seenAs: (value: unknown) => unknown
  readonly #above = new Set<object>()
  #left: number
  #chars: number

  constructor(bounds: Bounds, seenAs: (value: unknown) => unknown) {
    this.#bounds = bounds
    this.#seenAs = seenAs
    this.#left = bounds.maxValues
    this.#chars = bounds.maxChars
  }

  of(given: unknown, depth: number): unknown {
    const value = this.#seenAs(given)
    this.#left -= 1
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return Number.isFinite(value) ? value : String(value)
      case 'boolean':
      case 'undefined':
        return value
      case 'bigint':
        return `${value}`
      case 'symbol':
      case 'function':
        return `[${typeof value}]`
      default:
        return value === null ? null : this.#object(value as object, depth)
    }
  }

  #text(text: string): string {
    const shown = cutText(text, Math.max(this.#chars, 40))
    this.#chars -= text.length
    return shown
  }

  #object(value: object, depth: number): unknown {
    if (isActorRef(value)) return `[actor ${value.id}]`
    if (value instanceof Error) return this.#error(value)
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
    if (this.#above.has(value)) return '[circular]'
    if (depth >= this.#bounds.maxDepth || this.#left <= 0) return Array.isArray(value) ? '[…]' : '{…}'
    this.#above.add(value)
    try {
      if (Array.isArray(value)) return this.#list(value, depth)
      if (value instanceof Set) return this.#list([...value], depth)
      return this.#map(
        value instanceof Map ? [...value].map(([key, one]) => [String(key), one]) : entriesOf(value),
        depth,
      )
    } finally {
      this.#above.delete(value)
    }
  }

  #list(values: readonly unknown[], depth: number): unknown[] {
    const shown = values.slice(0, this.#bounds.maxEntries).map((one) => this.of(one, depth + 1) ?? null)
    const more = values.length - shown.length
    return more === 0 ? shown : [...shown, `…cut ${more} more`]
  }

  #map(entries: readonly (readonly [string, unknown])[], depth: number): Record<string, unknown> {
    const shown = entries.slice(0, this.#bounds.maxEntries).flatMap(([name, value]) => {
      const told = this.#field(name, value, depth)
      return told === undefined ? [] : [[name, told] as const]
    })
    const more = entries.length - this.#bounds.maxEntries
    return Object.fromEntries(more > 0 ? [...shown, ['…', `cut ${more} more`]] : shown)
  }

  #field(name: string, given: unknown, depth: number): unknown {
    const value = this.#seenAs(given)
    if (value === undefined || typeof value === 'function') return undefined
    if (isSecretName(name)) return redacted
    if (secretMaps.has(name) && typeof value === 'object' && value !== null)
      return Object.fromEntries(entriesOf(value).map(([key]) => [key, redacted]))
    return this.of(value, depth + 1)
  }

  #error(error: Error): Record<string, unknown> {
    const code = isAxonError(error) ? { code: error.code } : {}
    return { name: error.name, ...code, message: this.#text(error.message) }
  }
}

/** A getter may throw, and a proxy may do anything. */
function entriesOf(value: object): [string, unknown][] {
  try {
    return Object.entries(value)
  } catch (error) {
    return [['…', `cannot be read: ${error instanceof Error ? error.message : error}`]]
  }
}

function isActorRef(value: object): value is { id: string } {
  return 'sessionId' in value && 'getSnapshot' in value && 'id' in value
}
