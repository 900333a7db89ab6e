/**
 * Tries the faults of test/faults/table.ts by running the tests that it names, and says which held.
 *
 *     npm run faults -- [--only F1,F2] [--profile ci|full] [--seed N] [--json]
 *
 * Progress is on standard error; with --json the last line is the result. A fault is held where all that it says was
 * tried and passed; one of which a part was not tried is `not tried`, with what is lacking, here or at all.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Fault, faults } from '../test/faults/table.ts'
import { isNamed, isPython, runNamed } from './named-tests.ts'
import { pythonEnvironments } from './python-environments.ts'

interface Result {
  id: string
  title: string
  result: 'held' | 'broke' | 'not tried'
  why?: string
  /** How long its tests took. */
  seconds: number
}

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
const names = [...new Set(wanted.flatMap(({ tests }) => tests))]
const [environment] = names.some(isPython) ? await pythonEnvironments() : []
const ran = await runNamed(names, {
  root: join(import.meta.dirname, '..'),
  python: environment?.python ?? '',
  env: { FAULTS_PROFILE: values.profile, FAULTS_SEED: values.seed },
})

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
