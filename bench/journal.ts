/**
 * What a journal costs: echo runs a second at concurrency 16 with it, over those without it, by turns in one Node. Each run is
 * written twice, before it is sent and before it is answered.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Axon, createAxon } from 'axon-runtime'
import { benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'
import { round, summarize } from './statistics.ts'

const concurrency = 16
const runsInRound = 2_000
const warmUpRuns = 8_000

export async function journal(rounds = 40): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'axon-bench-journal-'))
  const path = join(directory, 'runs.db')
  const agents = { echo: { module: 'agents.echo', cwd: benchRoot, dependencies: [], concurrency } }
  const off = await createAxon({ agents }).start()
  const on = await createAxon({ agents, journal: { path } }).start()
  try {
    await Promise.all([measure(off, warmUpRuns), measure(on, warmUpRuns)])
    const perSecond = { off: [] as number[], on: [] as number[] }
    const ratios: number[] = []
    for (let at = 0; at < rounds; at += 1) {
      const without = await measure(off, runsInRound)
      const withJournal = await measure(on, runsInRound)
      perSecond.off.push(without)
      perSecond.on.push(withJournal)
      ratios.push(withJournal / without)
    }
    const alone = { off: await latency(off), on: await latency(on) }
    const ratio = summarize(ratios)
    return {
      figures: {
        offPerSecond: summarize(perSecond.off),
        onPerSecond: summarize(perSecond.on),
        onOverOff: ratio,
        aloneMsOff: alone.off,
        aloneMsOn: alone.on,
      },
      targets: [
        {
          target: 'runs/s with the journal at least 0.8 of those without',
          measured: ratio.p50,
          isMet: ratio.p50 >= 0.8,
        },
      ],
    }
  } finally {
    await Promise.all([off.close(), on.close()])
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Runs a second. */
async function measure(axon: Axon, runs: number): Promise<number> {
  const agent = axon.agent('echo')
  let left = runs
  const begunAt = performance.now()
  const caller = async () => {
    while (left > 0) {
      left -= 1
      await agent.run({ prompt: 'Are you there?' })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  return round(runs / ((performance.now() - begunAt) / 1_000))
}

/** One run after the other, in milliseconds. */
async function latency(axon: Axon) {
  const agent = axon.agent('echo')
  const times: number[] = []
  for (let at = 0; at < 500; at += 1) {
    const begunAt = performance.now()
    await agent.run({ prompt: 'Are you there?' })
    times.push(performance.now() - begunAt)
  }
  return summarize(times)
}
