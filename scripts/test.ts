/**
 * Runs every test: vitest, then pytest on each Python that the machine has. Ends with the plain line `N passed, N failed`.
 *
 *     npm test                       everything
 *     npm test -- --typescript [vitest arguments]
 *     npm test -- --python
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Environment } from '../src/machines/slots.ts'
import { pythonEnvironments, pythonRoot } from './python-environments.ts'

interface Counts {
  passed: number
  failed: number
}

const root = join(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'axon-test-'))
const [only, ...rest] = process.argv.slice(2)
const suites: { name: string; counts: Counts }[] = []

try {
  if (only !== '--python') suites.push({ name: 'TypeScript', counts: runVitest(only === '--typescript' ? rest : []) })
  if (only !== '--typescript') {
    const waiting = await pythonEnvironments()
    // Each takes one processor, so two at a time, as vitest does.
    await Promise.all([1, 2].map(() => runEach(waiting)))
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

console.log('')
for (const { name, counts } of suites) console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed`)
const passed = suites.reduce((sum, { counts }) => sum + counts.passed, 0)
const failed = suites.reduce((sum, { counts }) => sum + counts.failed, 0)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1

function runVitest(args: string[]): Counts {
  const report = join(scratch, 'vitest.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const code = run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...args], root)
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'))
  return counted(numPassedTests, numFailedTests, code)
}

async function runEach(waiting: Environment[]): Promise<void> {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    suites.push({ name: `Python ${next.version}`, counts: await runPytest(next) })
  }
}

async function runPytest({ python, version }: Environment): Promise<Counts> {
  const report = join(scratch, `pytest-${version}.xml`)
  console.log(`Python ${version}: pytest begins`)
  const args = ['-m', 'pytest', '-q', `--junitxml=${report}`]
  const { exitCode, all } = await execa(python, args, { cwd: pythonRoot, stdin: 'ignore', all: true, reject: false })
  console.log(`\nPython ${version}\n${all}`)
  const xml = readFileSync(report, 'utf8')
  const total = (name: string) => Number(new RegExp(`<testsuite [^>]*\\b${name}="(\\d+)"`).exec(xml)?.[1] ?? 0)
  const failed = total('failures') + total('errors')
  return counted(total('tests') - failed - total('skipped'), failed, exitCode ?? 1)
}

/** A runner that fails without a failed test, at import for example, counts as one failure. */
function counted(passed: number, failed: number, exitCode: number): Counts {
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed }
}

function run(command: string, args: string[], cwd: string): number {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  return status ?? 1
}
