/**
 * What is left one second after Node was killed, in each state in turn and at a random time within it: processes, sockets, the
 * sockets' directory, half-made environments. And what must be left: finished environments, whole and not locked.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAxon, ensureEnvironment } from 'axon-runtime'
import { die, entries, type Moment, moments } from '../test/faults/deaths.ts'
import { benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'
import { round, summarize } from './statistics.ts'

/** Of the victims: what is imported in a host is not what is measured here. */
const spec = { cwd: benchRoot, dependencies: [] }
const graceMs = 1_000
/** After one round in so many, the next boot must find nothing but the record. */
const bootEvery = 10
/** After one killed build in so many, the environment is made once more: its lock is free. */
const rebuildEvery = 5
const progressEvery = 20

const seen = ['processes', 'sockets', 'directories', 'staging'] as const
const kinds = [...seen, 'records', 'environments'] as const
/** How many were left; of records, how many the next boot did not sweep; of environments, how many were lost or locked. */
type Left = Record<(typeof kinds)[number], number>

export async function orphans(rounds = 100): Promise<BenchResult> {
  const environment = await ensureEnvironment(spec)
  const cacheDir = environment.root.slice(0, environment.root.indexOf('/environments/'))
  const uv = join(cacheDir, 'tools/uv/bin/uv')
  const left = noneLeft()
  const goneMs: number[] = []
  const killedIn: Record<string, number> = {}
  const checks = { boots: 0, rebuilds: 0 }
  const begunAt = performance.now()
  for (let number = 0; number < rounds; number += 1) {
    const moment = moments[number % moments.length] as Moment
    const directory = mkdtempSync(join(tmpdir(), 'ax-'))
    const cache = {
      cacheDir: moment.state === 'provisioning' ? join(directory, 'cache') : cacheDir,
      uv: existsSync(uv) ? uv : 'uv',
    }
    const found = await die(moment, { directory, ...cache }, Math.random, graceMs)
    goneMs.push(round(found.goneMs))
    killedIn[found.state] = (killedIn[found.state] ?? 0) + 1
    for (const kind of seen) left[kind] += found.left[kind]
    const build = Math.floor(number / moments.length)
    if (moment.state !== 'provisioning' || build % rebuildEvery === 0) {
      checks.rebuilds += moment.state === 'provisioning' ? 1 : 0
      if (!(await isUsable(cache, moment.state !== 'provisioning'))) left.environments += 1
    }
    if (number % bootEvery === 0) {
      checks.boots += 1
      left.records += await boot(join(directory, 'state'), found.records)
    }
    rmSync(directory, { recursive: true, force: true })
    if ((number + 1) % progressEvery === 0) {
      const seconds = round((performance.now() - begunAt) / 1_000 / (number + 1))
      console.error(`${number + 1} of ${rounds} rounds, ${seconds} s each; left: ${JSON.stringify(left)}`)
    }
  }
  const total = kinds.reduce((sum, kind) => sum + left[kind], 0)
  return {
    figures: { rounds, killedIn, left, checks, goneMs: summarize(goneMs) },
    targets: [{ target: `nothing is left ${graceMs} ms after the kill`, measured: total, isMet: total === 0 }],
  }
}

interface Cache {
  cacheDir: string
  uv: string
}

function noneLeft(): Left {
  return Object.fromEntries(kinds.map((kind) => [kind, 0])) as Left
}

/** Whether the environment is whole, or can be made anew: nobody dead holds its lock. */
async function isUsable(cache: Cache, isFinished: boolean): Promise<boolean> {
  try {
    const { isWarm } = await ensureEnvironment(spec, { ...cache, signal: AbortSignal.timeout(60_000) })
    return isWarm || !isFinished
  } catch {
    return false
  }
}

/** Starts a system on the state directory, and says how many records of dead ones it left, or wrongly told. */
async function boot(stateDir: string, records: number): Promise<number> {
  const axon = createAxon({ stateDir })
  let swept = 0
  axon.on('system.swept', ({ processes, directories }) => {
    if (processes === 0 && directories.length === 0) swept += 1
  })
  await axon.start()
  await axon.close()
  return entries(join(stateDir, 'systems')) + Math.abs(records - swept)
}
