/**
 * What it costs to be looked at: echo runs a second at concurrency 16, and Node's processor time for them, over those of a system that has no
 * inspector, by turns in one Node: with an inspector and nobody there, with a page that reads, and with one that has stopped reading. Pages are processes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createAxon, createInspector, type Inspector } from 'axon-runtime'
import { benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'
import { type Cost, costOfRuns, Series } from './measures.ts'

const concurrency = 16
/** About a second: a burst at its beginning, of runs that are recorded, is not the whole of it. */
const runsInTurn = 15_000
const warmUpRuns = 8_000

export async function inspector(rounds = 8): Promise<BenchResult> {
  const agents = { echo: { module: 'agents.echo', cwd: benchRoot, dependencies: [], concurrency } }
  const off = await createAxon({ agents }).start()
  const on = await createAxon({ agents }).start()
  const inspected = await createInspector(on)
  const rates = new Series()
  const times = new Series()
  try {
    for (const axon of [off, on]) await costOfRuns(axon, warmUpRuns, concurrency)
    for (let turn = 0; turn < rounds; turn += 1) {
      // Before and after, so that a machine that grows slower or faster favours neither.
      const first = await costOfRuns(off, runsInTurn, concurrency)
      const nobody = await costOfRuns(on, runsInTurn, concurrency)
      const page = await withPage(inspected, 'read', () => costOfRuns(on, runsInTurn, concurrency))
      const stalled = await withPage(inspected, 'stall', () => costOfRuns(on, runsInTurn, concurrency))
      const last = await costOfRuns(off, runsInTurn, concurrency)
      const found = (figure: keyof Cost) => ({
        off: (first[figure] + last[figure]) / 2,
        nobody: nobody[figure],
        page: page[figure],
        stalled: stalled[figure],
      })
      rates.add(found('perSecond'))
      times.add(found('cpuMs'))
    }
  } finally {
    await inspected.close()
    await Promise.all([off.close(), on.close()])
  }
  const over = (series: Series) => ({
    nobody: series.ratio('nobody', 'off'),
    page: series.ratio('page', 'off'),
    stalled: series.ratio('stalled', 'off'),
  })
  const ratios = over(rates)
  const target = (what: string, measured: number, least: number) => {
    return {
      target: `runs a second ${what} at least ${least} of those without an inspector`,
      measured,
      isMet: measured >= least,
    }
  }
  return {
    figures: { perSecond: rates.summaries(), perSecondOverOff: ratios, cpuOverOff: over(times) },
    targets: [
      target('with nobody looking', ratios.nobody, 0.98),
      target('with a page that reads', ratios.page, 0.9),
      target('with a page that has stopped reading', ratios.stalled, 0.9),
    ],
  }
}

async function withPage<Result>({ url }: Inspector, how: string, act: () => Promise<Result>): Promise<Result> {
  const page = spawn(process.execPath, [join(import.meta.dirname, 'page-reader.ts'), url, how], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exit = once(page, 'exit')
  try {
    await Promise.race([once(page.stdout, 'data'), exit])
    return await act()
  } finally {
    page.stdin.end()
    await exit
  }
}
