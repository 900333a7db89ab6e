/**
 * Runs one benchmark. Ratios between things that are compared are taken in the same run, on the same machine.
 *
 *     npm run bench -- NAME [--json] [--rounds N] [--seconds N]
 */
import { parseArgs } from 'node:util'
import { dev } from './dev.ts'
import { gateway } from './gateway.ts'
import { inspector } from './inspector.ts'
import { journal } from './journal.ts'
import { describeMachine } from './machine.ts'
import { orphans } from './orphans.ts'
import { peers } from './peers.ts'
import { pool } from './pool.ts'
import { ray } from './ray.ts'
import { recovery } from './recovery.ts'
import { registry } from './registry.ts'
import { start } from './start.ts'
import { stream } from './stream.ts'
import { supervision } from './supervision.ts'
import { telemetry } from './telemetry.ts'
import { throughput } from './throughput.ts'

/** What a benchmark found: figures by name, and each target with what was reached. */
export interface BenchResult {
  figures: Record<string, unknown>
  targets: { target: string; measured: number; isMet: boolean }[]
  /** A guarantee did not hold: the command ends with an exit code. */
  isViolated?: boolean
}

const benches: Record<string, (rounds: number | undefined, seconds: number | undefined) => Promise<BenchResult>> = {
  dev,
  gateway,
  inspector,
  journal,
  orphans,
  peers,
  pool,
  ray,
  recovery,
  registry,
  start,
  stream,
  supervision,
  telemetry,
  throughput,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string' }, seconds: { type: 'string' } },
})
const [name = ''] = positionals
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined
if (bench === undefined) {
  console.error(`Which benchmark? One of: ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}

const command = ['npm run bench --', ...process.argv.slice(2)].join(' ')
const number = (text: string | undefined) => (text === undefined ? undefined : Number(text))
const result = await bench(number(values.rounds), number(values.seconds))
if (result.isViolated) process.exitCode = 1
if (values.json) console.log(JSON.stringify({ bench: name, command, machine: describeMachine(), ...result }))
else {
  console.log(`${command}\n${JSON.stringify(describeMachine())}`)
  for (const [figure, value] of Object.entries(result.figures))
    console.log(`${figure.padEnd(36)} ${JSON.stringify(value)}`)
  for (const { target, measured, isMet } of result.targets)
    console.log(`${isMet ? 'met   ' : 'MISSED'}  ${target}: ${measured}`)
}
