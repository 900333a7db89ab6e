import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mutated, mutations } from './table.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

test('every guard of the table stands in the code exactly once, and without it the code is another', () => {
  for (const { edits } of mutations) {
    const texts = new Map<string, string>()
    for (const edit of edits) texts.set(edit.file, mutated(texts.get(edit.file) ?? read(edit.file), edit))
    for (const [file, text] of texts) expect(text).not.toBe(read(file))
  }
  expect(new Set(mutations.map(({ id }) => id)).size).toBe(mutations.length)
})

test('every test that the table names is there', () => {
  for (const { id, tests } of mutations) {
    expect(tests, id).not.toHaveLength(0)
    for (const named of tests) {
      const isPython = named.startsWith('python/')
      const [file = '', title = ''] = named.split(isPython ? '::' : ' › ')
      expect(existsSync(join(root, isPython ? '' : 'test', file)), named).toBe(true)
      expect(read(join(isPython ? '' : 'test', file)), `${id}: ${named}`).toContain(isPython ? `def ${title}(` : title)
    }
  }
})

test('a guard that is not there, or is there twice, is no mutation', () => {
  const edit = { file: 'a.ts', find: 'if (a)', replace: '' }
  expect(mutated('if (a) b()', edit)).toBe(' b()')
  expect(() => mutated('b()', edit)).toThrow('a.ts has this 0 times, not once: if (a)')
  expect(() => mutated('if (a) if (a) b()', edit)).toThrow('2 times')
})
