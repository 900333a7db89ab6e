import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { errorCodes } from '../../src/index.ts'

interface Row {
  code: string
  family: string
  happened: string
  retryable: string
}

const page = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8')

/** The rows of the tables of codes, with the heading that each stands under. */
const rows: Row[] = page.split(/^## /m).flatMap((section) => {
  const [family = ''] = section.split('\n', 1)
  return [...section.matchAll(/^\| `([A-Z_]+)` \| (.+) \| (.+) \| (\S+) \|$/gm)].map(
    ([, code = '', happened = '', , retryable = '']) => ({ code, family, happened, retryable }),
  )
})

test('docs/errors.md lists every code, once, and no other', () => {
  expect(rows.map(({ code }) => code).sort()).toEqual(Object.keys(errorCodes).sort())
})

test('docs/errors.md says of each code whether it is retryable, as the table of codes does', () => {
  const told = Object.fromEntries(rows.map(({ code, retryable }) => [code, { retryable: retryable === 'yes' }]))
  expect(told).toEqual(errorCodes)
  expect(new Set(rows.map(({ retryable }) => retryable))).toEqual(new Set(['yes', 'no']))
})

test('docs/errors.md keeps the codes of a family together', () => {
  const families = new Map<string, Set<string>>()
  for (const { code, family } of rows) {
    const prefix = code.split('_', 1)[0] ?? ''
    families.set(prefix, (families.get(prefix) ?? new Set()).add(family))
  }
  expect([...families].filter(([, headings]) => headings.size > 1)).toEqual([])
})
