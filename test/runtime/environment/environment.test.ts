import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { Environment, EnvironmentProgress } from '../../../src/machines/slots.ts'
import type { EnvironmentOptions } from '../../../src/runtime/environment/environment.ts'
import { cacheDir, ensure, importedIn, timeout, uv } from './environment-rig.ts'
import { fakeWheel, recordedRunner, rejectionOf, storedBuilds, temporaryDirectory } from './fixtures.ts'

const execute = promisify(execFile)
const unreachable = 'http://user:s3cret@127.0.0.1:9/simple'

async function isCompiled({ root }: Environment): Promise<boolean> {
  const [python = ''] = await readdir(join(root, 'lib'))
  const names = await readdir(join(root, 'lib', python, 'site-packages', 'axon_agent')).catch((): string[] => [])
  return names.includes('__pycache__')
}

test(
  'a cold build installs the requirements; the warm check starts no process',
  async () => {
    const seen: EnvironmentProgress[] = []
    const made = await ensure({ dependencies: ['six', 'idna'] }, { onProgress: (progress) => seen.push(progress) })
    expect(made).toMatchObject({ installer: 'uv', isWarm: false, version: expect.stringMatching(/^3\.\d+\.\d+$/) })
    await importedIn(made, 'six', 'idna')
    expect(await isCompiled(made)).toBe(true)
    expect(seen.map(({ completed }) => completed)).toEqual(seen.map(({ completed }) => completed).sort((a, b) => a - b))
    expect(seen.at(-1)).toMatchObject({ phase: 'complete', completed: 100, total: 100 })
    expect(seen.map(({ message }) => message)).toContain('Installing 3 packages')

    const { run, commands } = recordedRunner()
    for (let round = 0; round < 3; round++) {
      const warm = await ensure({ dependencies: ['idna', 'six'] }, { run })
      expect(warm).toMatchObject({ python: made.python, fingerprint: made.fingerprint, isWarm: true })
    }
    expect(commands).toEqual([])
    // Named from here, it is the same: the interpreter is started from elsewhere.
    const near = relative(process.cwd(), cacheDir)
    expect(await ensure({ dependencies: ['idna', 'six'] }, { cacheDir: near })).toMatchObject({ python: made.python })
  },
  timeout,
)

test(
  'venv and pip make the same where there is no uv',
  async () => {
    const seen: string[] = []
    const spec = { dependencies: ['six'], python: '3.12' }
    const made = await ensure(spec, { uv: false, onProgress: ({ message }) => seen.push(message) })
    expect(made).toMatchObject({ installer: 'pip', isWarm: false })
    await importedIn(made, 'six')
    expect(await isCompiled(made)).toBe(true)
    expect(seen).toContain('Installing 2 packages')
    expect(await ensure(spec)).toMatchObject({ installer: 'pip', isWarm: true })
  },
  timeout,
)

test(
  'pip is used where uv can be neither found nor installed, and an error remembers why',
  async () => {
    const fresh = await temporaryDirectory()
    const env = {
      ...process.env,
      PIP_INDEX_URL: unreachable,
      PIP_RETRIES: '0',
      PIP_TIMEOUT: '1',
      PIP_FIND_LINKS: '',
      PIP_NO_CACHE_DIR: '1',
    }
    const error = await rejectionOf(ensure({ dependencies: ['rich'], python: '3.12' }, { cacheDir: fresh, env }))
    expect(error).toMatchObject({
      code: 'ENV_NETWORK',
      retryable: true,
      context: { uv: expect.stringMatching(/uv could not be installed/) },
    })
    expect(JSON.stringify(error)).not.toContain('s3cret')
    expect(await storedBuilds(fresh)).toEqual([])
  },
  timeout,
)

test(
  'every source installs what it says',
  async () => {
    const files: [name: string, text: string][] = [
      ['agent.py', '# /// script\n# dependencies = ["six==1.16.0"]\n# ///\n'],
      ['requirements.txt', 'six==1.15.0\n'],
      [
        'pyproject.toml',
        '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["six==1.14.0"]\n',
      ],
      ['pylock.toml', 'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "six"\nversion = "1.13.0"\n'],
    ]
    const cwd = await temporaryDirectory()
    const versions: string[] = []
    for (const [name, text] of files) {
      await writeFile(join(cwd, name), text)
      versions.push(await sixIn(await ensure({ cwd, script: 'agent.py' })))
    }
    // A lock is made where the test runs: it holds the address of the index.
    const lockEnv = { ...process.env, UV_PYTHON_DOWNLOADS: 'never' }
    await execute(uv, ['lock', '--quiet'], { cwd, env: lockEnv })
    versions.push(await sixIn(await ensure({ cwd, script: 'agent.py' })))
    expect(versions).toEqual(['1.16.0', '1.15.0', '1.14.0', '1.13.0', '1.14.0'])
  },
  timeout,
)

test(
  'pip installs from a uv.lock as well',
  async () => {
    const cwd = await temporaryDirectory()
    const project = '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["anyio<4.5"]\n'
    await writeFile(join(cwd, 'pyproject.toml'), project)
    await execute(uv, ['lock', '--quiet'], { cwd, env: { ...process.env, UV_PYTHON_DOWNLOADS: 'never' } })
    const locked = /name = "anyio"\nversion = "([^"]+)"/.exec(await readFile(join(cwd, 'uv.lock'), 'utf8'))?.[1]
    const made = await ensure({ cwd }, { uv: false })
    const { stdout } = await execute(made.python, [
      '-c',
      'from importlib.metadata import version; print(version("anyio"))',
    ])
    expect(stdout.trim()).toBe(locked)
  },
  timeout,
)

async function sixIn({ python }: Environment): Promise<string> {
  return (await execute(python, ['-c', 'import six; print(six.__version__)'])).stdout.trim()
}

test(
  'a conflict with axon_agent names both sides, with uv and with pip',
  async () => {
    const picky = await fakeWheel(await temporaryDirectory(), ['six>=1.17'])
    for (const installer of [uv, false] as const) {
      const spec = { dependencies: ['six==1.16.0'], python: '3.12' }
      const error = await rejectionOf(ensure(spec, { wheel: picky, uv: installer }))
      expect(error.code).toBe('ENV_CONFLICT')
      expect(error.message).toMatch(/six==1\.16\.0/)
      expect(error.message).toMatch(/axon-agent/)
    }
  },
  timeout,
)

test(
  'a package that does not exist is named, and nothing is left',
  async () => {
    const before = await storedBuilds(cacheDir)
    const error = await rejectionOf(ensure({ dependencies: ['axon-no-such-package-xyz'] }, { uv }))
    expect(error).toMatchObject({
      code: 'ENV_PACKAGE_NOT_FOUND',
      message: expect.stringContaining('axon-no-such-package-xyz'),
      context: { exitCode: 1, command: expect.stringContaining('pip install'), output: expect.any(Array) },
    })
    expect(await storedBuilds(cacheDir)).toEqual(before)
  },
  timeout,
)

test(
  'a network that is not there fails within seconds',
  async () => {
    const env = { ...process.env, UV_DEFAULT_INDEX: unreachable, UV_NO_CACHE: '1' }
    const startedMs = performance.now()
    const error = await rejectionOf(ensure({ dependencies: ['rich'] }, { uv, env }))
    expect(error).toMatchObject({ code: 'ENV_NETWORK', retryable: true })
    expect(JSON.stringify(error)).not.toContain('s3cret')
    expect(performance.now() - startedMs).toBeLessThan(20_000)
  },
  timeout,
)

test(
  'a cache directory that cannot be written to is ENV_PERMISSION and named',
  async () => {
    const error = await rejectionOf(ensure({ dependencies: [] }, { cacheDir: '/sys/axon', uv }))
    expect(error).toMatchObject({ code: 'ENV_PERMISSION', message: expect.stringContaining('/sys/axon') })
  },
  timeout,
)

test(
  'a Python without ensurepip is ENV_VENV_UNAVAILABLE without uv, and enough with it',
  async () => {
    const { run } = recordedRunner()
    const fresh = await temporaryDirectory()
    const lying: EnvironmentOptions['run'] = async (command) => {
      const result = await run(command)
      const lines = result.lines.map((line) => line.replace('"hasEnsurepip": true', '"hasEnsurepip": false'))
      return { ...result, lines }
    }
    const spec = { dependencies: [], python: '3.12' }
    const error = await rejectionOf(ensure(spec, { cacheDir: fresh, run: lying, uv: false }))
    expect(error).toMatchObject({
      code: 'ENV_VENV_UNAVAILABLE',
      message: expect.stringContaining('apt install python3.12-venv'),
    })
    expect((await ensure(spec, { cacheDir: fresh, run: lying, uv })).installer).toBe('uv')
  },
  timeout,
)

test(
  'an environment whose interpreter vanished is made again',
  async () => {
    const spec = { dependencies: ['idna==3.4'] }
    const made = await ensure(spec, { uv })
    await rm(join(made.root, 'bin'), { recursive: true })
    const again = await ensure(spec, { uv })
    expect(again.isWarm).toBe(false)
    await importedIn(again, 'idna')
  },
  timeout,
)

test(
  "what leads commands astray in the caller's environment does not reach them",
  async () => {
    const astray = await temporaryDirectory()
    await mkdir(join(astray, 'venv'))
    const env = {
      ...process.env,
      VIRTUAL_ENV: join(astray, 'venv'),
      PYTHONHOME: astray,
      PYTHONPATH: astray,
      PIP_TARGET: astray,
      PIP_USER: '1',
      UV_PROJECT_ENVIRONMENT: astray,
      UV_PYTHON: '3.1',
    }
    const fresh = await temporaryDirectory()
    await importedIn(await ensure({ dependencies: ['six'] }, { env, uv, cacheDir: fresh }), 'six')
    expect(await readdir(astray)).toEqual(['venv'])
    await expect(stat(join(astray, 'venv', 'bin'))).rejects.toThrow()
  },
  timeout,
)
