/**
 * Switches off one guard of test/mutations/table.ts at a time, in a copy of the project, and says whether the tests that it names
 * fail: tests that pass without the guard would not see that it is lost.
 *
 *     npm run mutation-check -- [--only receipt,queue] [--json]
 *
 * Progress is on standard error; the result is a table, with --json one line. First the same tests must pass in the copy as it is.
 * All that a test starts runs below Axon's own guard, the unchanged one: what a changed one leaves behind is ended with its test.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Mutation, mutated, mutations } from '../test/mutations/table.ts'
import { isNamed, isPython, type Ran, type Runner, runNamed } from './named-tests.ts'
import { pythonEnvironments } from './python-environments.ts'

interface Result {
  id: string
  guard: string
  /** `broken`: it was not tried, since none of its tests ran to an end. */
  result: 'red' | 'green' | 'broken'
  /** The tests that have failed. */
  by: string[]
  seconds: number
}

const root = join(import.meta.dirname, '..')
/** A test that waits for what does not come any more ends, too, and the first that fails is enough. */
const impatient = {
  vitest: ['--bail=1', '--testTimeout=30000', '--hookTimeout=180000'],
  pytest: ['--exitfirst'],
  timeoutMs: 300_000,
}

const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean', default: false } } })
const only = values.only?.split(',')
const unknown = only?.filter((id) => !mutations.some((mutation) => mutation.id === id)) ?? []
if (unknown.length > 0) throw new Error(`No guard is called ${unknown.join(', ')}; test/mutations has them all.`)
const wanted = mutations.filter(({ id }) => only === undefined || only.includes(id))

const [environment] = await pythonEnvironments()
const python = environment?.python ?? ''
const copy = mkdtempSync(join(tmpdir(), 'axon-mutations-'))
const runner: Runner = {
  root: copy,
  python,
  wrapped: (command) => [python, join(root, 'dist/python/guard.py'), '--', ...command],
  isNarrow: true,
}
process.on('exit', () => rmSync(copy, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const results: Result[] = []
copyProject()
await expectGreen([...new Set(wanted.flatMap(({ tests }) => tests))])
for (const mutation of wanted) {
  const result = await attempt(mutation)
  results.push(result)
  console.error(`${result.id} · ${result.guard} · ${result.result} · ${result.seconds} s`)
}
const red = results.filter(({ result }) => result === 'red').length
console.log(values.json ? JSON.stringify({ tried: results.length, red, mutations: results }) : table())
process.exitCode = red === results.length ? 0 : 1

/** What git has or would have, with what was built from it. Packages are linked; what tests keep among them is the copy's own. */
function copyProject(): void {
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  if (listed.status !== 0) throw new Error(`git cannot list the files of ${root}: ${listed.stderr}`)
  const files = String(listed.stdout).split('\0').filter(Boolean)
  for (const file of ['dist', 'node_modules/.setup', ...files]) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    cpSync(join(root, file), join(copy, file), { recursive: true })
  }
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name))
  }
}

async function expectGreen(tests: readonly string[]): Promise<void> {
  const ran = await runNamed(tests, runner)
  const wrong = tests.filter((name) => {
    const its = of(ran, name)
    return its.length === 0 || its.some(({ outcome }) => outcome !== 'passed')
  })
  if (wrong.length > 0) throw new Error(`These must pass before anything is changed:\n${wrong.join('\n')}`)
}

async function attempt({ id, guard, edits, tests }: Mutation): Promise<Result> {
  const begunAt = performance.now()
  const originals = new Map(edits.map(({ file }) => [file, readFileSync(join(copy, file), 'utf8')]))
  const needsWheel = edits.some(({ file }) => isPython(file)) && !tests.every(isPython)
  try {
    for (const edit of edits)
      writeFileSync(join(copy, edit.file), mutated(readFileSync(join(copy, edit.file), 'utf8'), edit))
    if (needsWheel) setUp()
    const ran = await runNamed(tests, { ...runner, ...impatient })
    const its = tests.flatMap((name) => of(ran, name))
    const by = its.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)
    const result = by.length > 0 ? 'red' : tests.every((name) => of(ran, name).length > 0) ? 'green' : 'broken'
    return { id, guard, result, by, seconds: Math.round((performance.now() - begunAt) / 1_000) }
  } finally {
    for (const [file, text] of originals) writeFileSync(join(copy, file), text)
    if (needsWheel) setUp()
  }
}

function of(ran: readonly Ran[], name: string): Ran[] {
  return ran.filter((one) => isNamed(one, name) && one.outcome !== 'skipped')
}

/** What is installed for agents is the wheel. */
function setUp(): void {
  const { status } = spawnSync(process.execPath, ['scripts/setup.mjs'], { cwd: copy, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('The copy cannot be built.')
}

function table(): string {
  const rows = results.map(({ id, guard, result, by, seconds }) => {
    const files = [...new Set(by.map((name) => `\`${name.split(/ › |::/, 1)[0]}\``))]
    return `| \`${id}\` | ${guard} | ${result} | ${files.join(', ')} | ${seconds} |`
  })
  return ['| id | the guard | its tests | those that failed are in | s |', '|---|---|---|---|---|', ...rows].join('\n')
}
