import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import {
  type AgentOptions,
  AxonError,
  type AxonOptions,
  type ErrorCode,
  ProcessError,
  PythonEnvError,
} from '../../src/index.ts'
import {
  agent,
  cacheDir,
  fixtures,
  leftBehind,
  makeEnvironment,
  newAxon,
  processesWith,
  pydanticAi,
  rejection,
  root,
  scratch,
} from './axon.ts'
import { freePort, heldPort } from './ports.ts'

interface BadInput {
  /** What is wrong. */
  what: string
  /** The system; its agent is called `bad`. */
  given: () => Partial<AgentOptions> | Promise<Partial<AgentOptions>>
  /** Options of the system, where the fault is there; `directory` is the test's own and empty. */
  system?: (directory: string) => AxonOptions | Promise<AxonOptions>
  type: typeof AxonError
  code: ErrorCode
  /** What the message says: what happened, and what to try. */
  says: RegExp[]
}

/** Far above what any takes on an idle machine; far below what a person would call hanging. */
const withinMs = 20_000

beforeAll(() => makeEnvironment(pydanticAi))

const example = { module: 'agents.example_agent', cwd: join(root, 'examples/quickstart'), dependencies: pydanticAi }

const table: BadInput[] = [
  {
    what: 'a module that is nowhere',
    given: () => agent('ecko'),
    type: ProcessError,
    code: 'AGENT_MODULE_NOT_FOUND',
    says: [/agents\.ecko/, /test\/fixtures/],
  },
  {
    what: 'a file that is nowhere',
    given: () => ({ ...agent('echo'), module: 'agents/ecko.py' }),
    type: ProcessError,
    code: 'AGENT_MODULE_NOT_FOUND',
    says: [/agents\/ecko\.py/, /test\/fixtures/],
  },
  {
    what: 'a module that needs a package which is not installed',
    given: () => agent('import_error'),
    type: ProcessError,
    code: 'AGENT_IMPORT_FAILED',
    says: [/package_that_is_nowhere/, /add the package .* to the agent's `dependencies`/],
  },
  {
    what: 'a module that raises',
    given: () => agent('raises_at_import'),
    type: ProcessError,
    code: 'AGENT_IMPORT_FAILED',
    says: [/agents\.raises_at_import/, /RuntimeError/, /the moon is in the wrong phase/],
  },
  {
    what: 'a module that calls sys.exit(0)',
    given: () => agent('sys_exit_at_import'),
    type: ProcessError,
    code: 'AGENT_IMPORT_FAILED',
    says: [/agents\.sys_exit_at_import/, /SystemExit/],
  },
  {
    what: 'a module that ends the process with exit code 0',
    given: () => agent('exits_at_import'),
    type: ProcessError,
    code: 'PROCESS_EXITED',
    says: [/exit code 0 before it was ready/, /Look for the cause in its output/, /goodbye before hello/],
  },
  {
    what: 'a module without an agent',
    given: () => agent('no_agent'),
    type: ProcessError,
    code: 'AGENT_OBJECT_MISSING',
    says: [/agents\.no_agent has no agent/, /Found: agents\.no_agent:weather/, /Name it as/],
  },
  {
    what: 'the name of an agent that the module lacks',
    given: () => agent('no_agent:wether'),
    type: ProcessError,
    code: 'AGENT_OBJECT_MISSING',
    says: [/has no wether/, /agents\.no_agent:weather/],
  },
  {
    what: 'a model that is no name of one',
    given: () => ({ ...example, model: 'the best one' }),
    type: ProcessError,
    code: 'AGENT_MODEL_INVALID',
    says: [/'the best one'/, /`test`.*`provider:name`/],
  },
  {
    what: 'a model of an unknown provider',
    given: () => ({ ...example, model: 'nobody:gpt-0' }),
    type: ProcessError,
    code: 'AGENT_MODEL_INVALID',
    says: [/'nobody:gpt-0' cannot be used/],
  },
  {
    what: 'a Python that is nowhere',
    given: () => ({ ...agent('echo'), python: 'no-such-python' }),
    type: PythonEnvError,
    code: 'ENV_PYTHON_NOT_FOUND',
    says: [/"no-such-python" was not found/, /give its path as "python"/],
  },
  {
    what: 'a PATH without any Python',
    given: () => agent('echo'),
    system: (directory) => ({ cacheDir: directory, env: { PATH: directory, HOME: directory } }),
    type: PythonEnvError,
    code: 'ENV_PYTHON_NOT_FOUND',
    says: [/Python 3\.10 or newer was not found/, /PATH/],
  },
  {
    what: 'a Python that is too old',
    given: async () => ({ ...agent('echo'), python: await oldPython(scratch()) }),
    type: PythonEnvError,
    code: 'ENV_PYTHON_TOO_OLD',
    says: [/too old/, /3\.8\.18/, /3\.10 or newer/],
  },
  {
    what: 'a requirement that is none',
    given: () => ({ ...agent('echo'), dependencies: ['pydantic-ai-slim >= '] }),
    type: PythonEnvError,
    code: 'ENV_SOURCE_INVALID',
    says: [/dependencies\[0\]/, /Correct it/],
  },
  {
    what: 'a requirements file that is nowhere',
    given: () => ({ module: 'agents.echo', cwd: fixtures, requirements: 'no-requirements.txt' }),
    type: PythonEnvError,
    code: 'ENV_SOURCE_INVALID',
    says: [/no-requirements\.txt/],
  },
  {
    what: 'a package that does not exist',
    given: () => ({ ...agent('echo'), dependencies: ['axon-e2e-there-is-no-such-package'] }),
    system: (directory) => ({ cacheDir: directory, ...sharedUv() }),
    type: PythonEnvError,
    code: 'ENV_PACKAGE_NOT_FOUND',
    says: [/axon-e2e-there-is-no-such-package/, /spelling/],
  },
  {
    what: 'no network, with uv',
    given: () => agent('echo'),
    system: async (directory) => ({ cacheDir: directory, ...sharedUv(), env: await withoutNetwork(directory) }),
    type: PythonEnvError,
    code: 'ENV_NETWORK',
    says: [/could not be reached/, /Check the network/],
  },
  {
    what: 'no network, with pip',
    given: () => agent('echo'),
    system: async (directory) => ({ cacheDir: directory, uv: false, env: await withoutNetwork(directory) }),
    type: PythonEnvError,
    code: 'ENV_NETWORK',
    says: [/could not be reached/, /Check the network/],
  },
]

test.each(table)(
  '$what is refused in seconds, with $code, and leaves nothing',
  async ({ given, system, type, code, says }) => {
    const directory = scratch()
    const options = (await system?.(directory)) ?? {}
    const mark = `AXON_E2E=${randomUUID()}`
    const env = { ...(options.env ?? process.env), AXON_E2E: mark.slice('AXON_E2E='.length) }
    const bad = { restart: { maxRestarts: 0 }, ...(await given()) } as AgentOptions
    const axon = newAxon({ ...options, env, agents: { bad } })
    const startedAt = performance.now()
    const error = (await rejection(axon.start())) as AxonError
    expect(performance.now() - startedAt).toBeLessThan(withinMs)
    expect(error).toBeInstanceOf(type)
    expect(error).toMatchObject({ name: type.name, code, agent: 'bad' })
    for (const words of says) expect(error.message).toMatch(words)
    expect(leftBehind(axon)).toEqual({ processes: [], directories: [] })
    expect(processesWith(mark)).toEqual([])
    const environments = join(directory, 'environments')
    expect(existsSync(environments) ? readdirSync(environments, { recursive: true }) : []).toEqual([])
  },
)

test('a port in use is refused in seconds, with PORT_IN_USE, and leaves nothing', async () => {
  const { port, server } = await heldPort()
  const axon = newAxon({ agents: { bad: agent('echo', { port, restart: { maxRestarts: 0 } }) } })
  const error = await rejection(axon.start())
  server.close()
  expect(error).toBeInstanceOf(ProcessError)
  expect(error).toMatchObject({
    code: 'PORT_IN_USE',
    agent: 'bad',
    message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port} is in use.*choose another port`)),
  })
})

test('an unknown agent is refused with the names of those that are known', async () => {
  const axon = await newAxon({ agents: { support: agent('echo'), sales: agent('echo') } }).start()
  const unknown = { code: 'AGENT_UNKNOWN', agent: 'suport', message: expect.stringMatching(/"suport".*support, sales/) }
  expect(() => axon.agent('suport')).toThrow(expect.objectContaining(unknown))
  expect(await rejection(axon.retire('suport'))).toMatchObject(unknown)
})

test('a configuration is refused before anything runs, and every field that is wrong is named', () => {
  const wrong = {
    'Not A Name': agent('echo'),
    bad: {
      module: 'not a module',
      port: 70_000,
      concurrency: 0,
      startMs: -1,
      restart: { maxRestart: 3 },
      timeouts: { runMs: 'soon' },
      colour: 'blue',
    },
  } as unknown as Record<string, AgentOptions>
  const create = () => newAxon({ agents: wrong })
  expect(create).toThrow(AxonError)
  for (const field of [
    'Not A Name',
    'bad.module',
    'bad.port',
    'bad.concurrency',
    'bad.startMs',
    'bad.timeouts.runMs',
  ]) {
    expect(create).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(field) }))
  }
  for (const words of [/maxRestart\b/, /colour/, /package\.module/]) {
    expect(create).toThrow(expect.objectContaining({ message: expect.stringMatching(words) }))
  }
  const nowhere = () => newAxon({ agents: { bad: { ...agent('echo'), cwd: '/no/such/directory' } } })
  expect(nowhere).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('/no/such/') }),
  )
})

test('a full disk is refused in seconds, with ENV_DISK_FULL, and leaves no half-made environment', async () => {
  const disk = scratch()
  const child = [process.execPath, join(fixtures, 'full-disk.ts'), disk, sharedUv().uv ?? '']
  const namespaces = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount']
  const mount = 'mount -t tmpfs -o size=8m tmpfs "$3" && exec "$@"'
  const { stdout } = await promisify(execFile)('unshare', [...namespaces, 'sh', '-c', mount, 'sh', ...child]).catch(
    (error) => expect.fail(`This machine cannot give a test a small disk of its own (unshare and mount): ${error}`),
  )
  const { error, elapsedMs, environments } = JSON.parse(stdout)
  expect(error).toMatchObject({
    name: 'PythonEnvError',
    code: 'ENV_DISK_FULL',
    agent: 'echo',
    retryable: true,
    message: expect.stringMatching(/disk is full.*Free some space/),
  })
  expect(elapsedMs).toBeLessThan(withinMs)
  expect(environments).toEqual([])
})

/** An executable that answers as an old interpreter would. */
async function oldPython(directory: string): Promise<string> {
  const facts = {
    version: '3.8.18',
    release: 'final',
    implementation: 'cpython',
    isFreeThreaded: false,
    prefix: directory,
    hasVenv: true,
    hasEnsurepip: true,
    hasPip: true,
  }
  await mkdir(join(directory, 'bin'))
  const python = join(directory, 'bin/python')
  await writeFile(python, `#!/bin/sh\necho 'axon:${JSON.stringify(facts)}'\n`)
  await chmod(python, 0o755)
  return python
}

/** The uv that the shared cache has, so that a cache of a test's own need not install it. */
function sharedUv(): { uv?: string } {
  const uv = join(cacheDir, 'tools/uv/bin/uv')
  return existsSync(uv) ? { uv } : {}
}

/** Every index is a port at which nobody listens, and nothing is cached. */
async function withoutNetwork(directory: string): Promise<NodeJS.ProcessEnv> {
  const ofInstallers = /^(UV|PIP)_|_proxy$/i
  const rest = Object.entries(process.env).filter(([name]) => !ofInstallers.test(name))
  const index = `http://127.0.0.1:${await freePort()}/simple`
  return {
    ...Object.fromEntries(rest),
    UV_NO_CONFIG: '1',
    UV_DEFAULT_INDEX: index,
    UV_CACHE_DIR: join(directory, 'uv-cache'),
    PIP_CONFIG_FILE: '/dev/null',
    PIP_INDEX_URL: index,
    PIP_NO_CACHE_DIR: '1',
  }
}
