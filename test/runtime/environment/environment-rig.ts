/**
 * Owns what the tests of real environments stand on: a cache of the file's own, a small wheel, and uv.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Environment, EnvironmentSpec } from '../../../src/machines/slots.ts'
import { type EnvironmentOptions, ensureEnvironment } from '../../../src/runtime/environment/environment.ts'
import { fakeWheel } from './fixtures.ts'

const execute = promisify(execFile)
/** For a test that makes an environment. */
export const timeout = 120_000

/** Of each test file its own, with uv in it. */
export let cacheDir: string
export let wheel: string
export let uv: string

beforeAll(async () => {
  cacheDir = await realpath(await mkdtemp(join(tmpdir(), 'axon-environment-')))
  wheel = await fakeWheel(join(cacheDir, 'wheels'))
  uv = join(cacheDir, 'tools', 'uv', 'bin', 'uv')
  // Puts uv into the tools directory, so that no test depends on another.
  expect(await ensure({ dependencies: [] })).toMatchObject({ installer: 'uv', isWarm: false })
}, timeout)
afterAll(() => rm(cacheDir, { recursive: true, force: true }))

export function ensure(
  spec: Partial<EnvironmentSpec>,
  options: Partial<EnvironmentOptions> = {},
): Promise<Environment> {
  return ensureEnvironment({ cwd: cacheDir, ...spec }, { cacheDir, wheel, ...options })
}

export async function importedIn({ python }: Environment, ...modules: string[]): Promise<void> {
  await execute(python, ['-I', '-c', `import ${['axon_agent', ...modules].join(', ')}`])
}
