/** Whatever is given as options is taken, or refused as CONFIG_INVALID with the names of its fields. */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isAxonError } from '../../../src/errors.ts'
import { createAxon } from '../../../src/index.ts'

const { properties } = JSON.parse(readFileSync(new URL('../../../config.schema.json', import.meta.url), 'utf8'))
const { $schema: _, logLevel: __, ...ofSystem } = properties

/** Anything that JavaScript can hold, JSON or not. */
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSparseArray: true,
  maxDepth: 2,
})
const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, -0, 1, 2 ** 31, 2 ** 53, Number.NaN, Infinity))
const name = fc.oneof(
  fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,8}$/),
  fc.constantFrom('__proto__', 'constructor', '../x', '', 'a'.repeat(64), 'A'),
)

/** Values that fit the field's schema, for the most part. */
function fitting(schema: Record<string, unknown>, depth = 3): fc.Arbitrary<unknown> {
  const {
    type,
    enum: choices,
    anyOf,
    properties,
    items,
    additionalProperties,
    const: only,
  } = schema as {
    type?: string
    enum?: unknown[]
    anyOf?: Record<string, unknown>[]
    properties?: Record<string, Record<string, unknown>>
    items?: Record<string, unknown>
    additionalProperties?: Record<string, unknown> | boolean
    const?: unknown
  }
  const right = (): fc.Arbitrary<unknown> => {
    if (depth === 0) return anything
    if (only !== undefined) return fc.constant(only)
    if (choices) return fc.constantFrom(...choices)
    if (anyOf) return fc.oneof(...anyOf.map((one) => fitting(one, depth)))
    if (properties) {
      const fields = Object.entries(properties).map(([key, value]) => [key, fitting(value, depth - 1)] as const)
      return fc.record(Object.fromEntries(fields), { requiredKeys: (schema.required as never) ?? [] })
    }
    if (typeof additionalProperties === 'object')
      return fc.dictionary(name, fitting(additionalProperties, depth - 1), { maxKeys: 3 })
    if (type === 'array') return fc.array(fitting(items ?? {}, depth - 1), { maxLength: 3 })
    if (type === 'boolean') return fc.boolean()
    if (type === 'string')
      return fc.oneof(name, fc.constantFrom('agents.support', 'a.py:agent', '/tmp', '1.5 GiB'), fc.string())
    if (type === 'integer' || type === 'number') return number
    return anything
  }
  return fc.oneof({ weight: 20, arbitrary: fc.constant(null).chain(right) }, { weight: 1, arbitrary: anything })
}

test('any options make a system or are refused with the names of what is wrong, and change nothing else', () => {
  let made = 0
  let refused = 0
  fc.assert(
    fc.property(fitting({ properties: ofSystem }, 5), (options) => {
      try {
        createAxon(options as never)
        made += 1
      } catch (error) {
        if (!isAxonError(error) || error.code !== 'CONFIG_INVALID') throw error
        expect(error.message.length).toBeGreaterThan(20)
        refused += 1
      }
    }),
    { numRuns: 1_500 },
  )
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(made).toBeGreaterThan(10)
  expect(refused).toBeGreaterThan(500)
})
