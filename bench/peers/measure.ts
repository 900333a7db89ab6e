/**
 * The measuring half of the benchmark of peers: given what was installed as JSON on standard input, prints the figures as one line of
 * JSON. It runs where there is no network but loopback, because Ray listens on every interface there is.
 */
import { text } from 'node:stream/consumers'
import { latency, rate, Series } from '../measures.ts'
import { type Contender, contenders, type Installed, startAxon, type Work } from './contenders.ts'

const concurrency = 16
const calls = 200
const prompt = 'Hello, agent!'

const { installed, rounds, seconds } = JSON.parse(await text(process.stdin)) as {
  installed: Installed
  rounds: number
  seconds: number
}
const axon = await startAxon()
const found: Record<string, unknown> = {}
for (const [name, start] of Object.entries(contenders)) {
  process.stderr.write(`measuring ${name}\n`)
  const begunAt = performance.now()
  const peer = await start(installed)
  await peer.call('model', prompt)
  const startMs = Math.round(performance.now() - begunAt)
  try {
    found[name] = { startMs, ...(await compare(peer)) }
  } finally {
    await peer.stop()
  }
}
await axon.stop()
process.stdout.write(`${JSON.stringify(found)}\n`)
// pythonia keeps its sockets.
process.exit(0)

/** Axon and the peer by turns. */
async function compare(peer: Contender) {
  const [perSecond, aloneMs] = [new Series(), new Series()]
  for (let turn = 0; turn <= rounds; turn += 1) {
    const rates: Record<string, number> = {}
    const times: Record<string, number> = {}
    for (const work of ['echo', 'model'] as const) {
      for (const [who, contender] of Object.entries({ axon, peer })) {
        const call = () => expectAnswer(contender, work)
        rates[`${who}.${work}`] = await rate(call, concurrency, seconds)
        times[`${who}.${work}`] = await latency(call, calls)
      }
    }
    if (turn === 0) continue // warms the compilers
    perSecond.add(rates)
    aloneMs.add(times)
  }
  return {
    echoAxonOverPeer: perSecond.ratio('axon.echo', 'peer.echo'),
    modelAxonOverPeer: perSecond.ratio('axon.model', 'peer.model'),
    echoAlonePeerOverAxon: aloneMs.ratio('peer.echo', 'axon.echo'),
    perSecond: medians(perSecond),
    aloneMs: medians(aloneMs),
  }
}

async function expectAnswer(contender: Contender, work: Work): Promise<void> {
  const answer = await contender.call(work, prompt)
  const wanted = work === 'echo' ? prompt : 'Hello!'
  if (answer !== wanted) throw new Error(`Not the answer: ${JSON.stringify(answer)}`)
}

function medians(series: Series): Record<string, number> {
  return Object.fromEntries(Object.entries(series.summaries()).map(([name, { p50 }]) => [name, p50]))
}
