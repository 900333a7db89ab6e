import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/runtime-semantics.md'), 'utf8')
const proofs = [...page.matchAll(/\| `(test\/[^`]+)`: (.+) \|$/gm)].map(([, file, title]) => ({ file, title }))

test('every guarantee names a test', () => {
  const guarantees = page.split('\n').filter((line) => /^\| [A-Z`]/.test(line))
  expect(guarantees.length).toBeGreaterThan(20)
  expect(proofs).toHaveLength(guarantees.length)
})

test.each(proofs)('$file has the test "$title"', ({ file, title }) => {
  const source = readFileSync(join(root, file as string), 'utf8').replaceAll("\\'", "'")
  expect(source).toContain(title)
})
