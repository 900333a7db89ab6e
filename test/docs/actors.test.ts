import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/actors.md'), 'utf8')

const examples = page.split(/^## /m).flatMap((section) => {
  const code = /^```ts\n([\s\S]*?)^```/m.exec(section)?.[1]
  return code === undefined ? [] : [{ title: section.split('\n', 1)[0] as string, code }]
})

/** What an example says that it prints, line by line; what comes later is said where its listener is. */
const saidOf = (code: string) =>
  [...code.matchAll(/prints: (.+)$/gm)].flatMap(([, said]) => (said as string).split(', ')).sort()

const directory = mkdtempSync(join(tmpdir(), 'axon-docs-'))
mkdirSync(join(directory, 'node_modules'))
symlinkSync(root, join(directory, 'node_modules/axon-runtime'))
symlinkSync(join(root, 'node_modules/xstate'), join(directory, 'node_modules/xstate'))
writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('the examples of docs/actors.md print what they say', () => {
  it('and there are six of them', () => {
    expect(examples.map(({ title }) => title)).toEqual([
      'Monitors and links',
      'A registry',
      'Groups',
      'Topics',
      'Tasks',
      'Partitions',
    ])
  })

  it.each(examples)('$title', ({ code }) => {
    writeFileSync(join(directory, 'main.ts'), code)
    const printed = execFileSync(process.execPath, ['main.ts'], { cwd: directory, encoding: 'utf8' })
    expect(saidOf(code).length).toBeGreaterThan(0)
    expect(printed.trimEnd().split('\n').sort()).toEqual(saidOf(code))
  })
})
