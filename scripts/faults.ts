/**
 * Tries the faults of test/faults/table.ts by running the tests that it names, and says which held.
 *
 *     npm run faults -- [--only F1,F2] [--profile ci|full] [--seed N] [--json]
 *
 * Progress is on standard error; with --json the last line is the result. A fault is held where all that it says was
 * tried and passed; one of which a part was not tried is `not tried`, with what is lacking, here or at all.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { type Fault, faults } from '../test/faults/table.ts'
import { pythonEnvironments, pythonRoot } from './python-environments.ts'

interface Result {
  id: string
  title: string
  result: 'held' | 'broke' | 'not tried'
  why?: string
  /** How long its tests took. */
  seconds: number
}

interface Ran {
  /** As the table names it: `file › title`, or `python/tests/file.py::name`. */
  name: string
  outcome: 'passed' | 'failed' | 'skipped'
  ms: number
}

const root = join(import.meta.dirname, '..')
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    profile: { type: 'string', default: 'ci' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    json: { type: 'boolean', default: false },
  },
})
if (!['ci', 'full'].includes(values.profile)) throw new Error(`--profile is ci or full, not ${values.profile}.`)
if (!/^\d+$/.test(values.seed)) throw new Error(`--seed is a whole number, not ${values.seed}.`)
const only = values.only?.split(',')
const unknown = only?.filter((id) => !faults.some((fault) => fault.id === id)) ?? []
if (unknown.length > 0) throw new Error(`No fault is called ${unknown.join(', ')}; test/faults/table.ts has them all.`)

const wanted = faults.filter(({ id }) => only === undefined || only.includes(id))
const env = { ...process.env, FAULTS_PROFILE: values.profile, FAULTS_SEED: values.seed }
const scratch = mkdtempSync(join(tmpdir(), 'axon-faults-'))
const names = [...new Set(wanted.flatMap(({ tests }) => tests))]
let ran: Ran[]
try {
  ran = [...runVitest(names.filter((name) => !isPython(name))), ...(await runPytest(names.filter(isPython)))]
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

const results = wanted.map(judge)
for (const { id, title, result, why, seconds } of results)
  console.error(`${id} · ${title} · ${result}${why ? ` (${why})` : ''} · ${seconds} s`)
const count = (of: Result['result']) => results.filter(({ result }) => result === of).length
const [held, broke] = [count('held'), count('broke')]
const { profile } = values
const summary = { profile, seed: Number(values.seed), tried: held + broke, held, notTried: count('not tried') }
console.log(
  values.json
    ? JSON.stringify({ ...summary, faults: results })
    : `${summary.tried} tried, ${held} held, ${summary.notTried} not tried; seed ${values.seed}`,
)
process.exitCode = broke === 0 ? 0 : 1

function judge({ id, title, tests, lacks, needs }: Fault): Result {
  const each = tests.map((name) => ({ name, its: ran.filter((one) => isNamed(one, name)) }))
  const seconds = Math.round(each.flatMap(({ its }) => its).reduce((sum, { ms }) => sum + ms, 0) / 100) / 10
  const broke = each.filter(({ its }) => its.length === 0 || its.some(({ outcome }) => outcome === 'failed'))
  const skipped = each.filter(({ its }) => its.some(({ outcome }) => outcome === 'skipped'))
  const list = (of: typeof each) => of.map(({ name }) => name).join('; ')
  if (broke.length > 0) return { id, title, result: 'broke', why: list(broke), seconds }
  if (lacks !== undefined) return { id, title, result: 'not tried', why: `no test of ${lacks}`, seconds }
  if (skipped.length > 0) {
    const why = needs && !needs.has() ? `not here: this machine has no ${needs.what}` : `skipped: ${list(skipped)}`
    return { id, title, result: 'not tried', why, seconds }
  }
  return { id, title, result: 'held', seconds }
}

/** A name without a title is every test of the file. A title with `%s` or `$name` is each of its cases. */
function isNamed({ name }: Ran, wanted: string): boolean {
  if (name === wanted || name.startsWith(`${wanted}${isPython(wanted) ? '::' : ' › '}`)) return true
  if (isPython(wanted)) return name.startsWith(`${wanted}[`)
  const pattern = wanted.replace(/[.*+?^{}()|[\]\\]/g, '\\$&').replace(/%[sdijo]|\$[\w.]+/g, '.*')
  return new RegExp(`^${pattern}$`).test(name)
}

function isPython(name: string): boolean {
  return name.startsWith('python/')
}

function runVitest(names: readonly string[]): Ran[] {
  if (names.length === 0) return []
  const report = join(scratch, 'vitest.json')
  const files = [...new Set(names.map((name) => join('test', fileOf(name))))]
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...files], root)
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

async function runPytest(names: readonly string[]): Promise<Ran[]> {
  if (names.length === 0) return []
  const [environment] = await pythonEnvironments()
  if (!environment) throw new Error('No Python was found to run the Python tests with.')
  const report = join(scratch, 'pytest.xml')
  const tests = names.map((name) => name.replace('python/', ''))
  run(environment.python, ['-m', 'pytest', '-q', `--junitxml=${report}`, ...tests], pythonRoot)
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

/** What the tests print is progress: standard output is for the result. */
function run(command: string, args: string[], cwd: string): void {
  const { error } = spawnSync(command, args, { cwd, env, stdio: ['ignore', 2, 2] })
  if (error) throw error
}
