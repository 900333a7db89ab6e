/** What is locked with hashes is installed with these hashes or not at all, by uv and by pip. */
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ensure, importedIn, timeout, uv } from './environment-rig.ts'
import { rejectionOf, storedBuilds, temporaryDirectory } from './fixtures.ts'

const execute = promisify(execFile)
const project =
  '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["six", "anyio<4.5"]\n'

/** A project locked by uv, as its own lock, as a pylock.toml, and as requirements with hashes: made here, with this index. */
async function lockedProject(kind: 'uv.lock' | 'pylock.toml' | 'requirements.txt'): Promise<string> {
  const cwd = await temporaryDirectory()
  const env = { ...process.env, UV_PYTHON_DOWNLOADS: 'never' }
  await writeFile(join(cwd, 'pyproject.toml'), project)
  if (kind === 'uv.lock') await execute(uv, ['lock', '--quiet'], { cwd, env })
  else if (kind === 'pylock.toml')
    await execute(uv, ['export', '--quiet', '--no-emit-project', '-o', kind], { cwd, env })
  else {
    const to = ['--quiet', '--generate-hashes', '--no-header', '-o', kind]
    await execute(uv, ['pip', 'compile', ...to, 'pyproject.toml'], { cwd, env })
  }
  if (kind !== 'uv.lock') {
    await writeFile(join(cwd, 'pyproject.toml'), '[tool.other]\n')
    await rm(join(cwd, 'uv.lock'), { force: true })
  }
  return cwd
}

/** Another file than the one that was locked. */
async function tamper(file: string): Promise<void> {
  const text = await readFile(file, 'utf8')
  const changed = text.replaceAll(/(sha256(?::|\s*=\s*"))[0-9a-f]{64}/g, `$1${'0'.repeat(64)}`)
  expect(changed).not.toBe(text)
  await writeFile(file, changed)
}

for (const installer of ['uv', 'pip'] as const) {
  describe(installer, () => {
    const options = () => ({ uv: installer === 'uv' ? uv : (false as const) })

    for (const kind of ['uv.lock', 'pylock.toml', 'requirements.txt'] as const) {
      test(`a ${kind} with hashes is installed, and refused where a file is another than the locked one`, {
        timeout,
      }, async () => {
        const cwd = await lockedProject(kind)
        const made = await ensure({ cwd }, options())
        await importedIn(made, 'six', 'anyio')
        await tamper(join(cwd, kind))
        const cacheDir = await temporaryDirectory()
        const error = await rejectionOf(ensure({ cwd }, { ...options(), cacheDir }))
        expect(error).toMatchObject({ code: 'ENV_HASH_MISMATCH', retryable: false })
        expect(error.message).toMatch(/anyio|six|idna|exceptiongroup|sniffio|typing-extensions/)
        expect(await storedBuilds(cacheDir)).toEqual([])
      })
    }

    test('with noBuild a package of which there is only source is refused, and its code is not run', {
      timeout,
    }, async () => {
      const cwd = await temporaryDirectory()
      const trace = join(cwd, 'was-run')
      await writeFile(
        join(cwd, 'setup.py'),
        `open(${JSON.stringify(trace)}, 'w')\nfrom setuptools import setup\nsetup(name='mine', version='1')\n`,
      )
      const spec = { cwd, dependencies: [`mine @ file://${cwd}`] }
      expect((await rejectionOf(ensure({ ...spec, noBuild: true }, options()))).code).toMatch(/^ENV_/)
      await expect(readFile(trace)).rejects.toThrow('ENOENT')
      await ensure({ cwd, dependencies: ['six'], noBuild: true }, options())
    })
  })
}
