import { execFile } from 'node:child_process'
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ensureEnvironment } from '../../../src/runtime/environment/environment.ts'
import { fakeWheel, recordedRunner, rejectionOf, temporaryDirectory } from './fixtures.ts'

const execute = promisify(execFile)
const timeout = 30_000

/** A project with a `.venv` without pip, and a function that puts a package into it. */
async function project(requires: readonly string[] = []) {
  const cwd = await temporaryDirectory()
  const wheel = await fakeWheel(join(cwd, 'wheels'), requires)
  const root = join(cwd, '.venv')
  await execute('python3', ['-m', 'venv', '--without-pip', root], { env: { ...process.env, PYENV_VERSION: '3.12.1' } })
  const [version = ''] = await readdir(join(root, 'lib'))
  const packages = join(root, 'lib', version, 'site-packages')
  const install = async (name: string, version: string) => {
    const module = name.replace(/-/g, '_')
    const info = join(packages, `${module}-${version}.dist-info`)
    await mkdir(info, { recursive: true })
    await mkdir(join(packages, module), { recursive: true })
    await writeFile(join(packages, module, '__init__.py'), '')
    await writeFile(join(info, 'METADATA'), `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`)
  }
  const { run, commands } = recordedRunner()
  const ensure = (python = '.venv') => ensureEnvironment({ cwd, python }, { cacheDir: join(cwd, 'cache'), wheel, run })
  return { cwd, wheel, root, packages, install, ensure, commands }
}

async function listing(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true })
  const times = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).mtimeMs))
  return names.map((name, index) => `${name} ${times[index]}`).sort()
}

test(
  'a complete environment is used as it is, never changed, and checked again without a process',
  async () => {
    const { root, install, ensure, commands } = await project(['fastapi>=0.100'])
    await install('axon-agent', '0.1.0')
    await install('fastapi', '0.165.0')
    const before = await listing(root)
    const first = await ensure()
    expect(first).toMatchObject({ root, python: join(root, 'bin', 'python'), installer: 'none', isWarm: false })
    const second = await ensure()
    expect(second).toMatchObject({ fingerprint: first.fingerprint, isWarm: true })
    expect(commands).toHaveLength(1)
    expect(await listing(root)).toEqual(before)
  },
  timeout,
)

test(
  'its interpreter means the environment, too',
  async () => {
    const { root, install, ensure } = await project()
    await install('axon-agent', '0.1.0')
    expect(await ensure('.venv/bin/python')).toMatchObject({ root, installer: 'none' })
  },
  timeout,
)

test(
  'what is missing is named, with the command that installs it',
  async () => {
    const { root, wheel, install, ensure } = await project([
      'fastapi>=0.100',
      'uvicorn',
      "nothing; extra == 'more'",
      "old; python_version < '3.8'",
    ])
    await install('fastapi', '0.50.0')
    const error = await rejectionOf(ensure())
    expect(error).toMatchObject({
      code: 'ENV_INCOMPLETE',
      context: {
        missing: ['axon-agent==0.1.0', 'fastapi>=0.100 (0.50.0 is installed)', 'uvicorn'],
        command: `uv pip install --python ${join(root, 'bin', 'python')} ${wheel}`,
      },
    })
    await install('axon-agent', '0.1.0')
    await rm(
      join(root, 'lib', (await readdir(join(root, 'lib')))[0] ?? '', 'site-packages', 'fastapi-0.50.0.dist-info'),
      { recursive: true },
    )
    await install('fastapi', '0.165.0')
    await install('uvicorn', '0.54.0')
    expect(await ensure()).toMatchObject({ installer: 'none' })
  },
  timeout,
)

test(
  'a package that is removed is noticed',
  async () => {
    const { packages, install, ensure } = await project(['uvicorn'])
    await install('axon-agent', '0.1.0')
    await install('uvicorn', '0.54.0')
    const first = await ensure()
    await rm(join(packages, 'uvicorn-0.54.0.dist-info'), { recursive: true })
    expect(await rejectionOf(ensure())).toMatchObject({ code: 'ENV_INCOMPLETE', context: { missing: ['uvicorn'] } })
    await install('uvicorn', '0.55.0')
    expect((await ensure()).fingerprint).not.toBe(first.fingerprint)
  },
  timeout,
)

test(
  'a directory that is no environment is said to be none',
  async () => {
    const { cwd, ensure } = await project()
    await mkdir(join(cwd, 'empty'))
    expect(await rejectionOf(ensure('empty'))).toMatchObject({
      code: 'ENV_PYTHON_NOT_FOUND',
      message: expect.stringContaining('no environment'),
    })
  },
  timeout,
)
