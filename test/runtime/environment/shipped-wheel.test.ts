import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ensureEnvironment } from '../../../src/runtime/environment/environment.ts'
import { temporaryDirectory } from './fixtures.ts'

test('the wheel of this package installs with its dependencies, compiled and ready to import', async () => {
  const cwd = await temporaryDirectory()
  // Fails with the advice to run `npm run setup` where the wheel was not built.
  const made = await ensureEnvironment({ cwd, dependencies: [] }, { cacheDir: cwd })
  expect(made.isWarm).toBe(false)
  const program = 'import axon_agent, fastapi, uvicorn, pydantic; print("imported")'
  const { stdout } = await promisify(execFile)(made.python, ['-I', '-c', program])
  expect(stdout.trim()).toBe('imported')
})
