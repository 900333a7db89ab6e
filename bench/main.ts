/**
 * Runs one benchmark. Ratios between things that are compared are taken in the same run, on the same machine.
 *
 *     npm run bench -- NAME [--json] [--rounds N]
 */
import { parseArgs } from 'node:util'
import { journal } from './journal.ts'
import { describeMachine } from './machine.ts'
import { orphans } from './orphans.ts'
import { recovery } from './recovery.ts'
import { registry } from './registry.ts'
import { start } from './start.ts'
import { supervision } from './supervision.ts'

/** What a benchmark found: figures by name, and each target with what was reached. */
export interface BenchResult {
  figures: Record<string, unknown>
  targets: { target: string; measured: number; isMet: boolean }[]
}

const benches: Record<string, (rounds: number | undefined) => Promise<BenchResult>> = {
  journal,
  orphans,
  recovery,
  registry,
  start,
  supervision,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string' } },
})
const [name = ''] = positionals
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
if (bench === undefined) {
  console.error(`Which benchmark? One of: ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}

const command = ['npm run bench --', ...process.argv.slice(2)].join(' ')
const result = await bench(values.rounds === undefined ? undefined : Number(values.rounds))
if (values.json) console.log(JSON.stringify({ bench: name, command, machine: describeMachine(), ...result }))
else {
  console.log(`${command}\n${JSON.stringify(describeMachine())}`)
  for (const [figure, value] of Object.entries(result.figures))
    console.log(`${figure.padEnd(36)} ${JSON.stringify(value)}`)
  for (const { target, measured, isMet } of result.targets)
    console.log(`${isMet ? 'met   ' : 'MISSED'}  ${target}: ${measured}`)
}
