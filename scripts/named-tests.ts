/**
 * Owns running tests by the names that tables give them, and what came of each. A name is `file › title` with the file below test/,
 * or `python/tests/file.py::name`; a file alone is every test in it. Which tests are run, and what it means, is the caller's.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

export interface Ran {
  /** In the form in which tables name it. */
  name: string
  outcome: 'passed' | 'failed' | 'skipped'
  ms: number
}

export interface Runner {
  /** The project's directory. */
  root: string
  /** The interpreter that has pytest. */
  python: string
  env?: NodeJS.ProcessEnv
  /** What is run for a command: the command itself, or one that sees to it. Default: itself. */
  wrapped?: (command: string[]) => string[]
  /** Options of vitest and of pytest. Default: none. */
  vitest?: readonly string[]
  pytest?: readonly string[]
  /** Only the tests that are named, where each has a title; else all of their files. Default: false. */
  isNarrow?: boolean
  /** How long each of the two may take, in milliseconds; what has not ended by then is ended and has run nothing. Default: no limit. */
  timeoutMs?: number
}

/** Runs vitest once and pytest once, as far as names ask for them. */
export async function runNamed(names: readonly string[], runner: Runner): Promise<Ran[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'axon-tests-'))
  try {
    const typescript = names.filter((name) => !isPython(name))
    const python = names.filter(isPython)
    return [
      ...(typescript.length > 0 ? await runVitest(typescript, runner, join(scratch, 'vitest.json')) : []),
      ...(python.length > 0 ? await runPytest(python, runner, join(scratch, 'pytest.xml')) : []),
    ]
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

export function isPython(name: string): boolean {
  return name.startsWith('python/')
}

/** A name without a title is every test of the file. One title may be the beginning of several; `%s` and `$name` stand for anything. */
export function isNamed({ name }: Ran, wanted: string): boolean {
  if (isPython(wanted)) return name === wanted || name.startsWith(`${wanted}::`) || name.startsWith(`${wanted}[`)
  return new RegExp(`^${pattern(wanted)}`).test(name)
}

async function runVitest(names: readonly string[], runner: Runner, report: string): Promise<Ran[]> {
  const { root, vitest = [], isNarrow = false } = runner
  const files = [...new Set(names.map((name) => join('test', fileOf(name))))]
  const titles = names.map((name) => name.slice(fileOf(name).length + 3))
  const only = isNarrow && titles.every((title) => title !== '') ? ['-t', `(?:${titles.map(pattern).join('|')})`] : []
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const command = [process.execPath, join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...vitest]
  await run([...command, ...only, ...files], root, runner)
  if (!existsSync(report)) return []
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; assertionResults: { title: string; status: string; duration?: number }[] }[]
  }
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ title, status, duration = 0 }) => ({
      name: `${relative(join(root, 'test'), name)} › ${title}`,
      outcome: status === 'passed' || status === 'failed' ? status : 'skipped',
      ms: duration,
    })),
  )
}

async function runPytest(names: readonly string[], runner: Runner, report: string): Promise<Ran[]> {
  const { root, python, pytest = [] } = runner
  const tests = names.map((name) => name.replace('python/', ''))
  await run([python, '-m', 'pytest', '-q', `--junitxml=${report}`, ...pytest, ...tests], join(root, 'python'), runner)
  if (!existsSync(report)) return []
  const cases = readFileSync(report, 'utf8').matchAll(/<testcase ([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)
  return [...cases].map(([, attributes = '', inside = '']) => {
    const value = (of: string) => new RegExp(`\\b${of}="([^"]*)"`).exec(attributes)?.[1] ?? ''
    const file = value('classname').replaceAll('.', '/')
    const outcome = /<(failure|error)\b/.test(inside) ? 'failed' : inside.includes('<skipped') ? 'skipped' : 'passed'
    return { name: `python/${file}.py::${value('name')}`, outcome, ms: Number(value('time')) * 1_000 }
  })
}

function fileOf(name: string): string {
  return name.split(' › ', 1)[0] ?? name
}

/** What matches a title, also where it stands for several. */
function pattern(title: string): string {
  return title.replace(/[.*+?^{}()|[\]\\]/g, '\\$&').replace(/%[sdijo]|\$[\w.]+/g, '.*')
}

/** What the tests print is progress: standard output is for the result. */
async function run(command: string[], cwd: string, { env, wrapped, timeoutMs }: Runner): Promise<void> {
  const [program = '', ...args] = wrapped ? wrapped(command) : command
  // A pipe that is never written to: who watches it for us sees by its end that we are gone.
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 2, 2] })
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.stdin?.end(), timeoutMs)
  try {
    await once(child, 'exit')
  } finally {
    clearTimeout(timer)
  }
}
