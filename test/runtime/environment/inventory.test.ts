import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { listEnvironments, pruneEnvironments } from '../../../src/runtime/environment/inventory.ts'
import { EnvironmentStore } from '../../../src/runtime/environment/store.ts'
import { SystemRecord } from '../../../src/runtime/state/record.ts'
import { scratch } from '../scratch.ts'

const dayMs = 24 * 60 * 60_000

function places() {
  return { cacheDir: join(scratch(), 'cache'), stateDir: join(scratch(), 'state') }
}

/** An environment as a builder leaves it, whose Python is `sleep`. */
async function build(cacheDir: string, fingerprint: string, ageDays = 0) {
  const store = new EnvironmentStore(cacheDir)
  const directory = store.nextBuild(fingerprint)
  await store.begin(directory)
  const root = join(directory, 'venv')
  mkdirSync(join(root, 'bin'), { recursive: true })
  mkdirSync(join(root, 'lib/python3.12/site-packages/fastapi-1.dist-info'), { recursive: true })
  writeFileSync(join(root, 'lib/python3.12/site-packages/fastapi-1.dist-info/METADATA'), 'x'.repeat(1_000))
  symlinkSync('/bin/sleep', join(root, 'bin/python'))
  await store.complete(directory, { fingerprint, version: '3.12.1', installer: 'uv' })
  const at = new Date(Date.now() - ageDays * dayMs)
  utimesSync(join(cacheDir, 'environments', fingerprint, 'complete.json'), at, at)
  return { store, root, directory: join(cacheDir, 'environments', fingerprint) }
}

test('what there is has its Python, packages, size and last use, and the last used comes first', async () => {
  const at = places()
  expect(await listEnvironments(at)).toEqual([])
  const { root } = await build(at.cacheDir, 'aa', 3)
  await build(at.cacheDir, 'bb')
  const [first, second] = await listEnvironments(at)
  expect(first?.fingerprint).toBe('bb')
  expect(second).toMatchObject({ fingerprint: 'aa', root, python: '3.12.1', installer: 'uv', packages: 1, inUseBy: [] })
  expect(second?.bytes).toBeGreaterThan(1_000)
  expect(Date.now() - (second?.lastUsed ?? 0)).toBeGreaterThan(2 * dayMs)
})

test('to find an environment is to use it', async () => {
  const at = places()
  const { store } = await build(at.cacheDir, 'aa', 3)
  await store.find('aa')
  expect(Date.now() - ((await listEnvironments(at))[0]?.lastUsed ?? 0)).toBeLessThan(dayMs)
})

test('what nobody has used for so long is removed whole; a dry run only says so', async () => {
  const at = places()
  const { store, directory } = await build(at.cacheDir, 'aa', 40)
  await build(at.cacheDir, 'bb', 20)
  const names = async (isDryRun: boolean) =>
    (await pruneEnvironments({ ...at, olderThanMs: 30 * dayMs, isDryRun })).map(({ fingerprint }) => fingerprint)
  expect(await names(true)).toEqual(['aa'])
  expect(existsSync(directory)).toBe(true)
  expect(await names(false)).toEqual(['aa'])
  expect(existsSync(directory)).toBe(false)
  expect(await store.find('aa')).toBeUndefined()
  expect(readdirSync(join(at.cacheDir, 'environments'))).toEqual(['bb'])
})

test('one that was found just now is kept, however short the time that is asked for', async () => {
  const at = places()
  await build(at.cacheDir, 'aa')
  expect(await pruneEnvironments({ ...at, olderThanMs: 0 })).toEqual([])
})

test('one that is found while it is being removed is put back', async () => {
  const at = places()
  const { store } = await build(at.cacheDir, 'aa', 40)
  const sinceMs = Date.now() - 30 * dayMs
  await store.find('aa')
  expect(await store.remove('aa', sinceMs)).toBe(false)
  expect(await store.find('aa')).toBeDefined()
})

test('one in which a process runs, or the host of a living system, is never removed', async () => {
  const at = places()
  const { root } = await build(at.cacheDir, 'aa', 40)
  const { root: other } = await build(at.cacheDir, 'bb', 40)
  const child = spawn(join(root, 'bin/python'), ['60'])
  onTestFinished(() => void child.kill('SIGKILL'))
  const record = new SystemRecord(at.stateDir, '0b7a3c52-6a7e-4c58-9f0e-3f1d2a4b5c6d')
  onTestFinished(() => record.remove())
  record.write({ runtimeDirs: [], hosts: [{ root: other, pid: 7, startTime: '9' }] })
  expect(await pruneEnvironments({ ...at, olderThanMs: 0 })).toEqual([])
  const users = (await listEnvironments(at)).map(({ fingerprint, inUseBy }) => [fingerprint, inUseBy])
  expect(Object.fromEntries(users)).toEqual({ aa: [child.pid], bb: [7] })
})
