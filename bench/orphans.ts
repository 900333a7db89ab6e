/** What is left one second after Node was killed, in a random state: processes, the sockets' directory, half-made environments. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { benchEnvironment } from './environment.ts'
import type { BenchResult } from './main.ts'
import { round, summarize } from './statistics.ts'

/** Node is killed at a random time within this one after its system began. */
const withinMs = 3_000
const graceMs = 1_000
/** One round in so many begins with an empty cache, and is killed while it provisions. */
const provisioningEvery = 5

interface Left {
  processes: number
  directories: number
  staging: number
}

export async function orphans(rounds = 100): Promise<BenchResult> {
  const environment = await benchEnvironment()
  const cacheDir = environment.root.slice(0, environment.root.indexOf('/environments/'))
  const uv = join(cacheDir, 'tools/uv/bin/uv')
  const left: Left = { processes: 0, directories: 0, staging: 0 }
  const goneMs: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const fresh = round % provisioningEvery === 0 ? mkdtempSync(join(tmpdir(), 'axon-bench-cache-')) : undefined
    const found = await kill(fresh ?? cacheDir, existsSync(uv) ? uv : 'uv', fresh)
    goneMs.push(found.goneMs)
    left.processes += found.processes
    left.directories += found.directories
    left.staging += found.staging
    if (fresh !== undefined) rmSync(fresh, { recursive: true, force: true })
  }
  const total = left.processes + left.directories + left.staging
  return {
    figures: { rounds, left, goneMs: summarize(goneMs) },
    targets: [{ target: `nothing is left ${graceMs} ms after the kill`, measured: total, isMet: total === 0 }],
  }
}

async function kill(cacheDir: string, uv: string, fresh: string | undefined): Promise<Left & { goneMs: number }> {
  const victim = join(import.meta.dirname, 'victim.ts')
  const runtimeDir = mkdtempSync(join(tmpdir(), 'ax-'))
  const node = spawn(process.execPath, [victim, cacheDir, uv, runtimeDir], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await once(node.stdout, 'data')) as [Buffer]
  const system = String(line).trim()
  await setTimeout(Math.random() * withinMs)
  const exited = once(node, 'exit')
  const killedAt = performance.now()
  node.kill('SIGKILL')
  await exited
  for (;;) {
    const left: Left = {
      processes: alive(system, fresh),
      directories: readdirSync(runtimeDir).length,
      staging: fresh === undefined ? 0 : staging(fresh),
    }
    const goneMs = round(performance.now() - killedAt)
    if (left.processes + left.directories + left.staging === 0 || goneMs > graceMs) {
      rmSync(runtimeDir, { recursive: true })
      return { ...left, goneMs }
    }
    await setTimeout(2)
  }
}

/** Processes that carry the mark of a system, or work on a cache of its own. */
function alive(system: string, cacheDir: string | undefined): number {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    const says = (file: string, text: string) => readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(text)
    try {
      return says('environ', `AXON_SYSTEM=${system}`) || (cacheDir !== undefined && says('cmdline', cacheDir))
    } catch {
      return false
    }
  }).length
}

/** Builds that no complete.json names. */
function staging(cacheDir: string): number {
  const environments = join(cacheDir, 'environments')
  if (!existsSync(environments)) return 0
  return readdirSync(environments).filter((name) => !existsSync(join(environments, name, 'complete.json'))).length
}
