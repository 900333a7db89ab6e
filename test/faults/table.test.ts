import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { faults } from './table.ts'

const root = join(import.meta.dirname, '../..')

test('every test that the table of faults names is there, and each fault has one or says what is lacking', () => {
  for (const { id, tests, lacks } of faults) {
    if (lacks === undefined) expect(tests, id).not.toHaveLength(0)
    for (const named of tests) {
      const isPython = named.startsWith('python/')
      const [file = '', title = ''] = named.split(isPython ? '::' : ' › ')
      const text = readFileSync(join(root, isPython ? '' : 'test', file), 'utf8')
      expect(text, `${id}: ${named}`).toContain(isPython && title ? `def ${title}(` : title)
    }
  }
  expect(new Set(faults.map(({ id }) => id)).size).toBe(faults.length)
})
