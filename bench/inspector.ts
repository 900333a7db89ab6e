/**
 * What it costs to be looked at: echo runs a second at concurrency 16, over those of a system that has no inspector, by turns in one
 * Node: with an inspector and nobody there, with a page that reads, and with one that has stopped reading. Pages are processes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type Axon, createAxon, createInspector, type Inspector } from 'axon-runtime'
import { benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'
import { Series } from './measures.ts'

const concurrency = 16
const runsInTurn = 4_000
const warmUpRuns = 8_000

export async function inspector(rounds = 20): Promise<BenchResult> {
  const agents = { echo: { module: 'agents.echo', cwd: benchRoot, dependencies: [], concurrency } }
  const off = await createAxon({ agents }).start()
  const on = await createAxon({ agents }).start()
  const inspected = await createInspector(on)
  const rates = new Series()
  try {
    for (const axon of [off, on]) await perSecond(axon, warmUpRuns)
    for (let turn = 0; turn < rounds; turn += 1) {
      // Before and after, so that a machine that grows slower or faster favours neither.
      const first = await perSecond(off, runsInTurn)
      const nobody = await perSecond(on, runsInTurn)
      const page = await withPage(inspected, 'read', () => perSecond(on, runsInTurn))
      const stalled = await withPage(inspected, 'stall', () => perSecond(on, runsInTurn))
      const last = await perSecond(off, runsInTurn)
      rates.add({ off: (first + last) / 2, nobody, page, stalled })
    }
  } finally {
    await inspected.close()
    await Promise.all([off.close(), on.close()])
  }
  const ratios = {
    nobody: rates.ratio('nobody', 'off'),
    page: rates.ratio('page', 'off'),
    stalled: rates.ratio('stalled', 'off'),
  }
  const target = (what: string, measured: number, least: number) => {
    return {
      target: `runs a second ${what} at least ${least} of those without an inspector`,
      measured,
      isMet: measured >= least,
    }
  }
  return {
    figures: { perSecond: rates.summaries(), perSecondOverOff: ratios },
    targets: [
      target('with nobody looking', ratios.nobody, 0.98),
      target('with a page that reads', ratios.page, 0.9),
      target('with a page that has stopped reading', ratios.stalled, 0.9),
    ],
  }
}

async function withPage<Result>({ url }: Inspector, how: string, measure: () => Promise<Result>): Promise<Result> {
  const page = spawn(process.execPath, [join(import.meta.dirname, 'page-reader.ts'), url, how], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exit = once(page, 'exit')
  try {
    await Promise.race([once(page.stdout, 'data'), exit])
    return await measure()
  } finally {
    page.stdin.end()
    await exit
  }
}

async function perSecond(axon: Axon, runs: number): Promise<number> {
  const agent = axon.agent('echo')
  let left = runs
  const worker = async () => {
    while (left > 0) {
      left -= 1
      await agent.run({ prompt: 'Hello, agent!' })
    }
  }
  const begunAt = performance.now()
  await Promise.all(Array.from({ length: concurrency }, worker))
  return runs / ((performance.now() - begunAt) / 1_000)
}
