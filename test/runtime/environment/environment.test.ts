import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, watch, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Environment, EnvironmentProgress, EnvironmentSpec } from '../../../src/machines/slots.ts'
import { type EnvironmentOptions, ensureEnvironment } from '../../../src/runtime/environment/environment.ts'
import { ownerName, thisOwner } from '../../../src/runtime/environment/owner.ts'
import { fakeWheel, recordedRunner, rejectionOf, storedBuilds, temporaryDirectory } from './fixtures.ts'

const execute = promisify(execFile)
const timeout = 60_000
const unreachable = 'http://user:s3cret@127.0.0.1:9/simple'

let cacheDir: string
let wheel: string
let uv: string

beforeAll(async () => {
  cacheDir = await realpath(await mkdtemp(join(tmpdir(), 'axon-environment-')))
  wheel = await fakeWheel(join(cacheDir, 'wheels'))
  uv = join(cacheDir, 'tools', 'uv', 'bin', 'uv')
  // Puts uv into the tools directory, so that no test depends on another.
  expect(await ensure({ dependencies: [] })).toMatchObject({ installer: 'uv', isWarm: false })
}, timeout)
afterAll(() => rm(cacheDir, { recursive: true, force: true }))

function ensure(spec: Partial<EnvironmentSpec>, options: Partial<EnvironmentOptions> = {}): Promise<Environment> {
  return ensureEnvironment({ cwd: cacheDir, ...spec }, { cacheDir, wheel, ...options })
}

async function importedIn({ python }: Environment, ...modules: string[]): Promise<void> {
  await execute(python, ['-I', '-c', `import ${['axon_agent', ...modules].join(', ')}`])
}

async function isCompiled({ root }: Environment): Promise<boolean> {
  const [python = ''] = await readdir(join(root, 'lib'))
  const names = await readdir(join(root, 'lib', python, 'site-packages', 'axon_agent')).catch((): string[] => [])
  return names.includes('__pycache__')
}

/** Another node process that ensures an environment; `next` waits for a message that fits. */
function builder(spec: Partial<EnvironmentSpec>, options: Partial<EnvironmentOptions>, log = '/dev/null') {
  const script = join(import.meta.dirname, 'builder.ts')
  const args = [JSON.stringify({ cwd: cacheDir, ...spec }), JSON.stringify({ cacheDir, wheel, uv, ...options }), log]
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  type Message = { environment?: Environment; progress?: EnvironmentProgress }
  const next = async (fits: (message: Message) => boolean): Promise<Message> => {
    for (;;) {
      const line = await lines.next()
      if (line.done === true) throw new Error('The builder ended before it said what was waited for')
      const message = JSON.parse(line.value) as Message
      if (fits(message)) return message
    }
  }
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return { child, next, exited }
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
  'many callers of one process share one build, and one that leaves does not end it',
  async () => {
    const { run, commands } = recordedRunner()
    const controller = new AbortController()
    const spec = { dependencies: ['six', 'idna==3.7'] }
    const leaver = rejectionOf(
      ensure(spec, {
        uv,
        run,
        signal: controller.signal,
        onProgress: ({ phase }) => phase === 'create' && controller.abort(),
      }),
    )
    const others = Array.from({ length: 10 }, () => ensure(spec, { uv, run }))
    expect((await leaver).code).toBe('ENV_CANCELLED')
    const made = await Promise.all(others)
    expect(new Set(made.map(({ python }) => python)).size).toBe(1)
    expect(commands.filter(({ argv }) => argv.includes('install'))).toHaveLength(1)
  },
  timeout,
)

test(
  'of two processes at once one builds and the other waits for it',
  async () => {
    const log = join(await temporaryDirectory(), 'commands')
    const spec = { dependencies: ['six', 'idna==3.6'] }
    const both = [builder(spec, {}, log), builder(spec, {}, log)]
    const [a, b] = await Promise.all(both.map(({ next }) => next(({ environment }) => environment !== undefined)))
    expect(a?.environment?.python).toBe(b?.environment?.python)
    const commands = (await readFile(log, 'utf8')).split('\n')
    expect(commands.filter((line) => line.includes('"install"'))).toHaveLength(1)
    await Promise.all(both.map(({ exited }) => exited))
  },
  timeout,
)

test(
  'an abort in the middle leaves nothing, and the lock is free',
  async () => {
    for (const installer of [uv, false] as const) {
      const before = await storedBuilds(cacheDir)
      const controller = new AbortController()
      const options = {
        uv: installer,
        signal: controller.signal,
        onProgress: ({ phase }: EnvironmentProgress) => phase === 'create' && queueMicrotask(() => controller.abort()),
      }
      const spec = { dependencies: ['six', 'idna==3.5'], python: '3.12' }
      expect(await rejectionOf(ensure(spec, options))).toMatchObject({ code: 'ENV_CANCELLED', retryable: true })
      expect(await storedBuilds(cacheDir)).toEqual(before)
    }
    const made = await ensure({ dependencies: ['six', 'idna==3.5'], python: '3.12' }, { uv })
    expect(made.isWarm).toBe(false)
  },
  timeout,
)

for (const installer of ['uv', 'pip']) {
  test(
    `when the builder is killed, ${installer} ends and what it had half made is gone`,
    async () => {
      const fresh = await temporaryDirectory()
      const spec = { dependencies: ['six'], python: '3.12' }
      const killed = builder(spec, { cacheDir: fresh, uv: installer === 'uv' ? uv : false })
      await killed.next(({ progress }) => progress?.phase === 'create')
      const [left = ''] = await storedBuilds(fresh)
      const changes = watch(join(fresh, 'environments'), { recursive: true, signal: AbortSignal.timeout(timeout / 2) })
      killed.child.kill('SIGKILL')
      await killed.exited
      if ((await storedBuilds(fresh)).length > 0) {
        for await (const _ of changes) if ((await storedBuilds(fresh)).length === 0) break
      }
      // The guard removes the build and then ends; nobody is told of the end of a process that is not one's own.
      await vi.waitFor(async () => expect(await processesNaming(`${left}/venv`)).toEqual([]), { timeout: timeout / 4 })
      // Its lock is a dead owner's now.
      const made = await ensure(spec, { cacheDir: fresh, uv })
      await importedIn(made, 'six')
    },
    timeout,
  )
}

test(
  'what a dead builder left of another environment is removed by the next build',
  async () => {
    const fresh = await temporaryDirectory()
    const dead = join(fresh, 'environments', 'other', `${ownerName({ ...thisOwner(), start: '1' })}-00000000`)
    const living = join(fresh, 'environments', 'another', `${ownerName(thisOwner())}-00000000`)
    await Promise.all([dead, living].map((directory) => mkdir(join(directory, 'venv'), { recursive: true })))
    await ensure({ dependencies: [] }, { cacheDir: fresh, uv })
    await expect(stat(dead)).rejects.toThrow('ENOENT')
    await expect(stat(living)).resolves.toBeDefined()
  },
  timeout,
)

/** Command lines of live processes that mention the text. */
async function processesNaming(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter((line) => text !== '' && line.includes(text))
}

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
