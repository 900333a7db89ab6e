import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { SourceWatch } from '../../src/cli/source-watch.ts'

/** A watched directory with these files; `next` resolves with the paths of the next change, from the directory. */
function watched(files: Record<string, string>) {
  const directory = mkdtempSync(join(tmpdir(), 'axon-watch-'))
  const changes: string[][] = []
  let wake = () => {}
  const watch = new SourceWatch({
    onChange: ({ paths }) => {
      changes.push(paths.map((path) => path.slice(directory.length + 1)).sort())
      wake()
    },
    onError: (error) => expect.unreachable(error.message),
  })
  onTestFinished(() => {
    watch.close()
    rmSync(directory, { recursive: true })
  })
  const write = (name: string, content: string) => {
    mkdirSync(join(directory, name, '..'), { recursive: true })
    writeFileSync(join(directory, name), content)
  }
  for (const [name, content] of Object.entries(files)) write(name, content)
  watch.set([directory], [])
  const next = async () => {
    while (changes.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return changes.shift()
  }
  return { directory, write, next }
}

test('files that are saved together are one change, and one that is written as it was is none', async () => {
  const { write, next } = watched({ 'a.py': '1', 'b.py': '1', 'c.py': '1' })
  for (const [name, content] of Object.entries({ 'a.py': '2', 'b.py': '1', 'c.py': '2' })) write(name, content)
  expect(await next()).toEqual(['a.py', 'c.py'])
})

test('a file that is empty for a moment counts as what it holds then, one that stays empty as empty', async () => {
  const { write, next } = watched({ 'a.py': '1', 'b.py': '1' })
  write('a.py', '')
  write('b.py', '2')
  expect(await next()).toEqual(['b.py'])
  write('a.py', '1')
  write('b.py', '3')
  expect(await next()).toEqual(['b.py'])
  write('a.py', '')
  expect(await next()).toEqual(['a.py'])
})

test('a directory that another takes the place of is watched on, and a file that is gone has changed', async () => {
  const { directory, write, next } = watched({ 'part/a.py': '1' })
  write('.next/a.py', '2')
  renameSync(join(directory, 'part'), join(directory, '.last'))
  renameSync(join(directory, '.next'), join(directory, 'part'))
  expect(await next()).toEqual(['part/a.py'])
  write('part/a.py', '3')
  expect(await next()).toEqual(['part/a.py'])
  rmSync(join(directory, 'part/a.py'))
  expect(await next()).toEqual(['part/a.py'])
})

test('environments, hidden directories and packages of npm are not watched', async () => {
  const { write, next } = watched({ 'a.py': '1', 'env/pyvenv.cfg': '', 'env/a.py': '1', 'node_modules/a.py': '1' })
  for (const name of ['env/a.py', 'node_modules/a.py', '.git/a.py', '__pycache__/a.py', 'a.py']) write(name, '2')
  expect(await next()).toEqual(['a.py'])
})
