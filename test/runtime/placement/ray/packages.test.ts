import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { packagesOf } from '../../../../src/runtime/placement/ray/packages.ts'
import { scratch } from '../../scratch.ts'

function files(directory: string, names: Record<string, string>): void {
  for (const [name, text] of Object.entries(names)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
}

it('the directory goes without what is hidden, cached, excluded, or of this machine', async () => {
  const cwd = scratch()
  files(cwd, {
    'agents/support.py': 'x',
    'data/größe.txt': 'x',
    'big/model.bin': 'x',
    '.env': 'SECRET',
    '.git/config': 'x',
    'node_modules/a.js': 'x',
    'agents/__pycache__/support.pyc': 'x',
    'venv/pyvenv.cfg': 'x',
    'venv/lib.py': 'x',
  })
  const { directory } = await packagesOf('support', cwd, ['big/'])
  const has = (name: string) => directory.bytes.includes(name)
  expect(['agents/support.py', 'data/größe.txt'].map(has)).toEqual([true, true])
  expect(['big/', '.env', '.git', 'node_modules', '__pycache__', 'venv'].map(has)).toEqual(Array(6).fill(false))
})

it('the same files have the same name, and others another', async () => {
  const [one, two] = [scratch(), scratch()]
  files(one, { 'b.py': 'b', 'a.py': 'a' })
  files(two, { 'a.py': 'a', 'b.py': 'b' })
  const name = async (cwd: string) => (await packagesOf('a', cwd, [])).directory.name
  expect(await name(two)).toBe(await name(one))
  files(two, { 'a.py': 'c' })
  expect(await name(two)).not.toBe(await name(one))
})

it('too many files are refused by the name of the agent', async () => {
  const cwd = scratch()
  for (let file = 0; file <= 10_000; file += 1) writeFileSync(join(cwd, `${file}.txt`), '')
  await expect(packagesOf('support', cwd, [])).rejects.toMatchObject({ code: 'CONFIG_INVALID', agent: 'support' })
})
