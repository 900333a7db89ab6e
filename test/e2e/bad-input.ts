/**
 * Owns the table of bad input: what is given, and the error that it must become. That each leaves nothing is bad-input.test.ts.
 */
import { existsSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AgentOptions,
  type AxonError,
  type AxonOptions,
  type ErrorCode,
  ProcessError,
  PythonEnvError,
} from '../../src/index.ts'
import { agent, cacheDir, fixtures, pydanticAi, root, scratch } from './axon.ts'
import { freePort } from './ports.ts'

export interface BadInput {
  /** What is wrong. */
  what: string
  /** The system; its agent is called `bad`. */
  given: () => Partial<AgentOptions> | Promise<Partial<AgentOptions>>
  /** Options of the system, where the fault is there; `directory` is the test's own and empty. */
  system?: (directory: string) => AxonOptions | Promise<AxonOptions>
  type: new (...input: never[]) => AxonError
  code: ErrorCode
  /** What the message says: what happened, and what to try. */
  says: RegExp[]
}

const example = { module: 'agents.example_agent', cwd: join(root, 'examples/quickstart'), dependencies: pydanticAi }

export const badInput: BadInput[] = [
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
export function sharedUv(): { uv?: string } {
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
