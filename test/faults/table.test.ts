import { existsSync, readFileSync } from 'node:fs'
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
      const path = join(root, isPython ? '' : 'test', file)
      // The table of cases that a test goes through stands in the file beside it.
      const beside = path.replace('.test.ts', '.ts')
      const text = readFileSync(path, 'utf8') + (existsSync(beside) ? readFileSync(beside, 'utf8') : '')
      expect(text, `${id}: ${named}`).toContain(isPython && title ? `def ${title}(` : title)
    }
  }
  expect(new Set(faults.map(({ id }) => id)).size).toBe(faults.length)
})
