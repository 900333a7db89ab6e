import { chmod, mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { Command, CommandRunner } from '../../../src/runtime/environment/command.ts'
import { type InterpreterRequest, selectInterpreter } from '../../../src/runtime/environment/interpreters.ts'
import { rejectionOf, temporaryDirectory } from './fixtures.ts'

/** Files that look like interpreters, and a runner that answers for them. */
async function machine(pythons: Record<string, string | ({ version: string } & Record<string, unknown>)>) {
  const root = await temporaryDirectory()
  const commands: Command[] = []
  const answers = new Map<string, string>()
  for (const [path, answer] of Object.entries(pythons)) {
    const file = join(root, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, '')
    await chmod(file, 0o755)
    const facts = typeof answer === 'string' ? { version: answer } : answer
    const usual = {
      release: 'final',
      implementation: 'cpython',
      isFreeThreaded: false,
      prefix: '/',
      hasVenv: true,
      hasEnsurepip: true,
      hasPip: true,
    }
    answers.set(file, `axon:${JSON.stringify({ ...usual, ...facts })}`)
  }
  const run: CommandRunner = async (command) => {
    commands.push(command)
    const line = answers.get(command.argv[0])
    return { exitCode: line === undefined ? 1 : 0, lines: [line ?? 'broken'], isTimedOut: false }
  }
  const select = (request: Partial<InterpreterRequest> = {}, path = [join(root, 'bin')]) =>
    selectInterpreter(
      { cwd: root, ...request },
      { cacheDir: join(root, 'cache'), env: { PATH: path.join(':'), HOME: root }, run },
    )
  return { root, commands, answers, select }
}

test('the newest final CPython is chosen', async () => {
  const { select, root } = await machine({
    'bin/python3.11': '3.11.2',
    'bin/python3.13': '3.13.1',
    'bin/python3.15': { version: '3.15.0', release: 'alpha' },
    'bin/python3.14': { version: '3.14.0', isFreeThreaded: true },
    'bin/python3': { version: '3.11.0', implementation: 'pypy' },
  })
  expect((await select()).path).toBe(join(root, 'bin/python3.13'))
})

test('requires-python narrows the choice', async () => {
  const { select } = await machine({ 'bin/python3.11': '3.11.2', 'bin/python3.13': '3.13.1' })
  const chosen = await select({ requires: { specifiers: '>=3.10,<3.13', file: 'pyproject.toml' } })
  expect(chosen.facts.version).toBe('3.11.2')
})

test('a version, a name and a path each name an interpreter', async () => {
  const { select, root } = await machine({
    'bin/python3.11': '3.11.2',
    'bin/python3.13': '3.13.1',
    'other/mine': '3.10.1',
  })
  for (const python of ['3.11', '3.11.2', 'python3.11', join(root, 'bin/python3.11'), 'bin/python3.11']) {
    expect((await select({ python })).facts.version).toBe('3.11.2')
  }
  expect((await select({ python: 'other/mine' })).facts.version).toBe('3.10.1')
})

test('shims are passed over for what is behind them', async () => {
  const { select, root, commands } = await machine({
    'shims/python3.12': 'a shim',
    'versions/3.12.4/bin/python': '3.12.4',
  })
  expect((await select({}, [join(root, 'shims')])).facts.version).toBe('3.12.4')
  expect(commands).toHaveLength(1)
})

test('what is known is not asked again, until the file changes', async () => {
  const { select, root, commands } = await machine({ 'bin/python3.12': '3.12.4' })
  await symlink('python3.12', join(root, 'bin/python3'))
  await select()
  await select()
  expect(commands).toHaveLength(1)
  await utimes(join(root, 'bin/python3.12'), 1, 1)
  await select()
  expect(commands).toHaveLength(2)
})

test('many at once ask an interpreter once', async () => {
  const { select, commands } = await machine({ 'bin/python3.12': '3.12.4' })
  await Promise.all(Array.from({ length: 20 }, () => select()))
  expect(commands).toHaveLength(1)
})

test('a broken interpreter is passed over, and asked again where no other will do', async () => {
  const { select, root, answers } = await machine({ 'bin/python3.12': '3.12.4' })
  const file = join(root, 'bin/python3.12')
  const answer = answers.get(file) ?? ''
  answers.delete(file)
  const error = await rejectionOf(select())
  expect(error).toMatchObject({
    code: 'ENV_PYTHON_NOT_FOUND',
    message: expect.stringContaining('does not run: broken'),
  })
  answers.set(file, answer)
  expect((await select()).facts.version).toBe('3.12.4')
})

test('no Python, an old one and one that does not fit are three errors', async () => {
  const none = await rejectionOf((await machine({})).select())
  expect(none.code).toBe('ENV_PYTHON_NOT_FOUND')
  const old = await rejectionOf((await machine({ 'bin/python3.8': '3.8.1', 'bin/python3': '3.9.2' })).select())
  expect(old).toMatchObject({ code: 'ENV_PYTHON_TOO_OLD', message: expect.stringContaining('3.9.2') })
  const requires = { specifiers: '>=3.13', file: 'pyproject.toml' }
  const unfit = await rejectionOf((await machine({ 'bin/python3.12': '3.12.1' })).select({ requires }))
  expect(unfit).toMatchObject({
    code: 'ENV_PYTHON_UNSATISFIED',
    message: expect.stringMatching(/pyproject\.toml requires >=3\.13.*3\.12\.1/),
  })
})
