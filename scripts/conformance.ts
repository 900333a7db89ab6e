/**
 * Runs the cases of test/conformance and says how many of the promises of Erlang/OTP and Elixir hold: as a table, or as JSON.
 *
 *     npm run conformance               a table; writes it into docs/supervision.md
 *     npm run conformance -- --json     { total, same, adapted, notApplicable, failing, cases }; writes the table, too
 *     npm run conformance -- --check    writes nothing; fails where the table of docs/supervision.md is stale
 *
 * The exit code is 1 where a case fails.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ConformanceCase, ConformanceRun } from '../test/conformance/cases.ts'
import { notApplicable } from '../test/conformance/not-applicable.ts'

interface Row {
  suite: string
  name: string
  verdict: 'same' | 'adapted' | 'notApplicable'
  /** What must hold, where it is a test. */
  holds?: string
  /** Why it is not the same. */
  reason?: string
  status: 'passed' | 'failed' | 'notApplicable'
}

/** The part of vitest's JSON report that is read here. */
export interface Report {
  testResults: {
    name: string
    status: string
    message: string
    assertionResults: {
      title: string
      status: string
      failureMessages: string[]
      meta: { conformance?: ConformanceCase | ConformanceRun }
    }[]
  }[]
}

const root = join(import.meta.dirname, '..')
const page = join(root, 'docs/supervision.md')
const markers = ['<!-- conformance -->', '<!-- /conformance -->'] as const

/** Every case once, in the order of the files. A case that ran on more than one kind of child fails where one run failed. */
export function rowsOf(report: Report): Row[] {
  const results = report.testResults
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ assertionResults }) => assertionResults)
  const rows = new Map<string, Row>()
  for (const { status, meta } of results) {
    if (meta.conformance === undefined || 'on' in meta.conformance) continue
    const { suite, name, ...rest } = meta.conformance
    if (rows.has(`${suite}: ${name}`)) throw new Error(`${suite}: ${name} is there twice.`)
    rows.set(`${suite}: ${name}`, { suite, name, ...rest, status: status === 'passed' ? 'passed' : 'failed' })
  }
  for (const { status, meta } of results) {
    if (meta.conformance === undefined || !('on' in meta.conformance)) continue
    const row = rows.get(`${meta.conformance.suite}: ${meta.conformance.name}`)
    if (row === undefined) throw new Error(`${meta.conformance.name} runs on ${meta.conformance.on} only.`)
    if (status !== 'passed') row.status = 'failed'
  }
  for (const { suite, name, reason } of notApplicable) {
    if (rows.has(`${suite}: ${name}`)) throw new Error(`${suite}: ${name} is both a test and not applicable.`)
    rows.set(`${suite}: ${name}`, { suite, name, verdict: 'notApplicable', reason, status: 'notApplicable' })
  }
  return [...rows.values()]
}

export function countsOf(rows: readonly Row[]) {
  const ofVerdict = (verdict: Row['verdict']) => rows.filter((row) => row.verdict === verdict).length
  return {
    total: rows.length,
    same: ofVerdict('same'),
    adapted: ofVerdict('adapted'),
    notApplicable: ofVerdict('notApplicable'),
    failing: rows.filter(({ status }) => status === 'failed').length,
  }
}

/** The page with the cases between its markers. */
export function withTables(text: string, rows: readonly Row[]): string {
  const [begin, end] = [text.indexOf(markers[0]), text.indexOf(markers[1])]
  if (begin < 0 || end < begin) throw new Error(`docs/supervision.md lacks the lines ${markers.join(' and ')}.`)
  return `${text.slice(0, begin + markers[0].length)}\n${tablesOf(rows)}\n${text.slice(end)}`
}

/** What is written does not say which cases pass: a page is only written for all, or read when none fails. */
function tablesOf(rows: readonly Row[]): string {
  const words = { same: 'same', adapted: 'adapted', notApplicable: 'not applicable' }
  return [...Map.groupBy(rows, ({ suite }) => suite)]
    .map(([suite, cases]) => {
      const { total, same, adapted, notApplicable: setAside } = countsOf(cases)
      const lines = cases.map(({ name, verdict, holds, reason }) => {
        const told = [holds, reason].filter((one) => one !== undefined).join('. ')
        return `| \`${name}\` | ${words[verdict]} | ${told} |`
      })
      const counts = `${total} cases: ${same} same, ${adapted} adapted, ${setAside} not applicable.`
      return [
        `\n### ${suite}\n`,
        `${counts}\n`,
        '| case | here | what holds, and why not the same |',
        '| --- | --- | --- |',
        ...lines,
        '',
      ].join('\n')
    })
    .join('')
}

function run(): Report {
  const scratch = mkdtempSync(join(tmpdir(), 'axon-conformance-'))
  try {
    const file = join(scratch, 'report.json')
    const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/conformance', '--reporter=json']
    const { error } = spawnSync(process.execPath, [...vitest, `--outputFile.json=${file}`], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (error) throw error
    return JSON.parse(readFileSync(file, 'utf8'))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Why the run cannot be trusted as a whole, and each test that failed. */
function failuresOf(report: Report): string[] {
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((one) => one.status !== 'passed')
    if (failed.length === 0 && status === 'failed') return [`${name}: ${message}`]
    return failed.map((one) => `${one.title}\n${one.failureMessages.join('\n')}`)
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [isJson, isCheck] = ['--json', '--check'].map((option) => process.argv.includes(option))
  const report = run()
  const rows = rowsOf(report)
  const counts = countsOf(rows)
  const failures = failuresOf(report)
  for (const failure of failures) console.error(`FAILED ${failure}\n`)

  const text = readFileSync(page, 'utf8')
  const wanted = withTables(text, rows)
  if (isCheck && text !== wanted) console.error('docs/supervision.md is stale. Run: npm run conformance')
  if (!isCheck && text !== wanted) writeFileSync(page, wanted)

  if (isJson) console.log(JSON.stringify({ ...counts, cases: rows }, undefined, 2))
  else {
    for (const { suite, name, verdict, status } of rows) {
      console.log(`${(status === 'failed' ? 'FAILED' : verdict).padEnd(13)}  ${suite}: ${name}`)
    }
    const { total, same, adapted, notApplicable: setAside, failing } = counts
    console.log(`\n${total} cases: ${same} same, ${adapted} adapted, ${setAside} not applicable, ${failing} failing`)
  }
  process.exitCode = failures.length > 0 || (isCheck && text !== wanted) ? 1 : 0
}
