/**
 * Tries the faults of test/faults/table.ts by running the tests that it names, and says which held.
 *
 *     npm run faults -- [--only F1,F2] [--json]
 *
 * Progress is on standard error; with --json the last line is the result. A fault is held where all that it says was
 * tried and passed; one of which a part is tried by no test is `not tried`, with what is lacking.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Fault, faults } from '../test/faults/table.ts'
import { pythonEnvironments, pythonRoot } from './python-environments.ts'

interface Result {
  id: string
  title: string
  result: 'held' | 'broke' | 'not tried'
  why?: string
  seconds: number
}

const root = join(import.meta.dirname, '..')
const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean', default: false } } })
const wanted = values.only?.split(',')
const unknown = wanted?.filter((id) => !faults.some((fault) => fault.id === id)) ?? []
if (unknown.length > 0) throw new Error(`No fault is called ${unknown.join(', ')}; test/faults/table.ts has them all.`)

const results: Result[] = []
for (const fault of faults) {
  if (wanted && !wanted.includes(fault.id)) continue
  const result = await tried(fault)
  results.push(result)
  console.error(
    `${result.id} ${result.title}: ${result.result}${result.why ? ` (${result.why})` : ''}, ${result.seconds} s`,
  )
}

const count = (of: Result['result']) => results.filter(({ result }) => result === of).length
const held = count('held')
const broke = count('broke')
const summary = { tried: held + broke, held, notTried: count('not tried'), faults: results }
console.log(
  values.json ? JSON.stringify(summary) : `${summary.tried} tried, ${held} held, ${summary.notTried} not tried`,
)
process.exitCode = broke === 0 ? 0 : 1

async function tried({ id, title, tests, lacks }: Fault): Promise<Result> {
  const begun = performance.now()
  const failed: string[] = []
  for (const named of tests) if (!(await passes(named))) failed.push(named)
  const seconds = Math.round((performance.now() - begun) / 100) / 10
  if (failed.length > 0) return { id, title, result: 'broke', why: failed.join('; '), seconds }
  if (lacks !== undefined) return { id, title, result: 'not tried', why: `no test of ${lacks}`, seconds }
  return { id, title, result: 'held', seconds }
}

async function passes(named: string): Promise<boolean> {
  if (named.startsWith('python/')) {
    const [environment] = await pythonEnvironments()
    if (!environment) throw new Error('No Python was found to run the Python tests with.')
    return run(environment.python, ['-m', 'pytest', '-q', named.replace('python/', '')], pythonRoot) === 0
  }
  const [file = '', title] = named.split(' › ')
  return vitestPasses(file, title)
}

/** A title that matches nothing, or a test that is skipped, is no pass. (What a title leaves out counts as skipped too.) */
function vitestPasses(file: string, title: string | undefined): boolean {
  const scratch = mkdtempSync(join(tmpdir(), 'axon-faults-'))
  try {
    const report = join(scratch, 'report.json')
    const only = title === undefined ? [] : ['-t', title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')]
    const args = [
      'run',
      join('test', file),
      ...only,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ]
    const code = run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], root)
    if (code !== 0) return false
    const { numPassedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'))
    return numPassedTests > 0 && (title !== undefined || numPendingTests === 0)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** What the tests print is progress: standard output is for the result. */
function run(command: string, args: string[], cwd: string): number {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] })
  if (error) throw error
  return status ?? 1
}
