/**
 * One stream: from the call to its first event, against a bare undici client of server-sent events on the same socket and server;
 * how many small events a second; and what a reader costs that has stopped reading.
 */
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { type Axon, createAxon } from 'axon-runtime'
import { Pool } from 'undici'
import { resourcesOf } from '../dist/runtime/resources.js'
import { benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'
import { round, summarize } from './statistics.ts'

const eventsOfRate = 100_000
const wantedRate = 10_000
/** A plain stream may grow by so much once its buffers are full, a resumable one by its default bound of bytes. */
const flatMiB = 1
const boundMiB = 8
const pageBytes = 4_096

export async function stream(rounds = 300): Promise<BenchResult> {
  const agents = { words: { module: 'agents.streaming', cwd: benchRoot, dependencies: [] } }
  const axon = await createAxon({ agents }).start()
  const bare = bareClient(axon)
  try {
    const [axonMs, bareMs] = await firstEvents(axon, bare, rounds)
    const rate = await axonRate(axon)
    const bareRate = await bare.rate()
    const stalled = await stalledGrowth(axon, false)
    const kept = await stalledGrowth(axon, true)
    const first = { axon: summarize(axonMs), bare: summarize(bareMs) }
    const apart = round(first.axon.p50 - first.bare.p50)
    return {
      figures: {
        firstEventMs: first.axon,
        bareFirstEventMs: first.bare,
        eventsPerSecond: Math.round(rate),
        bareEventsPerSecond: Math.round(bareRate),
        stalledGrowthMiB: stalled,
        resumableGrowthMiB: kept,
      },
      targets: [
        { target: 'first event at p50 at most 1 ms after the bare client has it', measured: apart, isMet: apart <= 1 },
        {
          target: `${wantedRate} events a second on one stream`,
          measured: Math.round(rate),
          isMet: rate >= wantedRate,
        },
        {
          target: `a stalled reader: Node and Python grow by at most ${flatMiB} MiB in 4 s`,
          measured: Math.max(stalled.node, stalled.python),
          isMet: Math.max(stalled.node, stalled.python) <= flatMiB,
        },
        {
          target: `a stalled reader of a resumable run: at most ${boundMiB} MiB in 4 s, while the run goes on`,
          measured: Math.max(kept.node, kept.python),
          isMet: Math.max(kept.node, kept.python) <= boundMiB,
        },
      ],
    }
  } finally {
    await bare.close()
    await axon.close()
  }
}

/** By turns, so that whatever the machine does meanwhile is done to both. */
async function firstEvents(axon: Axon, bare: BareClient, rounds: number): Promise<[number[], number[]]> {
  const times: [number[], number[]] = [[], []]
  for (let round = -20; round < rounds; round += 1) {
    for (const [at, measure] of [() => axonFirst(axon), () => bare.first()].entries()) {
      const ms = await measure()
      if (round >= 0) times[at]?.push(ms)
    }
  }
  return times
}

async function axonFirst(axon: Axon): Promise<number> {
  const begunAt = performance.now()
  const events = axon.agent('words').stream({ prompt: '1' })[Symbol.asyncIterator]()
  await events.next()
  const ms = performance.now() - begunAt
  while (!(await events.next()).done);
  return ms
}

async function axonRate(axon: Axon): Promise<number> {
  let count = 0
  const begunAt = performance.now()
  for await (const _ of axon.agent('words').stream({ prompt: String(eventsOfRate) })) count += 1
  return (count / (performance.now() - begunAt)) * 1_000
}

interface Growth {
  node: number
  python: number
}

/** In MiB, from when the buffers are full; for a resumable run from before its first event. */
async function stalledGrowth(axon: Axon, isResumable: boolean): Promise<Growth> {
  const { pid = 0 } = axon.agent('words').snapshot() ?? {}
  const before = memoryOf(pid)
  const stream = axon.agent('words').stream({ prompt: 'endless' }, { resumable: isResumable })
  const events = stream[Symbol.asyncIterator]()
  await events.next()
  await setTimeout(1_000)
  const full = isResumable ? before : memoryOf(pid)
  await setTimeout(4_000)
  const after = memoryOf(pid)
  stream.cancel()
  await stream.settled
  return {
    node: round((after.node - full.node) / 2 ** 20),
    python: round((after.python - full.python) / 2 ** 20),
  }
}

function memoryOf(pid: number): { node: number; python: number } {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  return { node: heapUsed + external, python: pages * pageBytes }
}

interface BareClient {
  /** Milliseconds until its first event. */
  first(): Promise<number>
  /** Events a second. */
  rate(): Promise<number>
  close(): Promise<void>
}

/** Counts events, and does nothing else: no checks, no numbers, no JSON. */
function bareClient(axon: Axon): BareClient {
  const { generation = '', endpoint } = axon.agent('words').snapshot() ?? {}
  if (endpoint?.kind !== 'unix') throw new Error('The agent serves no socket.')
  const { token } = resourcesOf(axon.actor.system).links.get(generation) ?? {}
  const pool = new Pool('http://localhost', { socketPath: endpoint.path, connections: 1 })
  const read = async (prompt: string, onEvent: () => void) => {
    const { body } = await pool.request({
      method: 'POST',
      path: '/agents/words/run_stream',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ prompt }),
    })
    let rest = ''
    for await (const chunk of body) {
      const parts = (rest + chunk).split('\n\n')
      rest = parts.pop() ?? ''
      for (const _ of parts) onEvent()
    }
  }
  return {
    async first() {
      const begunAt = performance.now()
      let ms: number | undefined
      await read('1', () => {
        ms ??= performance.now() - begunAt
      })
      if (ms === undefined) throw new Error('There was no event.')
      return ms
    },
    async rate() {
      let count = 0
      const begunAt = performance.now()
      await read(String(eventsOfRate), () => {
        count += 1
      })
      return (count / (performance.now() - begunAt)) * 1_000
    },
    close: () => pool.close(),
  }
}
