/**
 * Runs a second through one replica: the echo agent against a bare undici pool on the same socket and server, and pydantic-ai's
 * test model against the same Python program without Axon. What is compared takes turns in one run.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createAxon } from 'axon-runtime'
import { Pool } from 'undici'
import { resourcesOf } from '../dist/runtime/resources.js'
import { agentOptions, benchEnvironment, benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'
import { latency, rate, Series } from './measures.ts'
import { round } from './statistics.ts'

const concurrency = 16
const seconds = 2
const body = JSON.stringify({ prompt: 'Hello, agent!' })

export async function throughput(rounds = 7): Promise<BenchResult> {
  const { python } = await benchEnvironment()
  const axon = await createAxon({
    agents: {
      echo: { ...agentOptions, module: 'agents.echo' },
      support: agentOptions,
      pair: { ...agentOptions, replicas: 2 },
    },
  }).start()
  const bare = barePool(axon, 'echo')
  const baseline = await startBaseline(python)
  const rates = new Series()
  const lonely = new Series()
  try {
    const ask = (name: string) => () => axon.agent(name).run({ prompt: 'Hello, agent!' })
    for (let turn = 0; turn <= rounds; turn += 1) {
      const found = {
        echo: await rate(ask('echo'), concurrency, seconds),
        bare: await rate(bare.request, concurrency, seconds),
        testModel: await rate(ask('support'), concurrency, seconds),
        inProcess: await baseline.measure(),
        testModelByTwo: await rate(ask('pair'), 2 * concurrency, seconds),
      }
      const times = { echo: await latency(ask('echo')), bare: await latency(bare.request) }
      if (turn === 0) continue // warms the compilers
      rates.add(found)
      lonely.add(times)
    }
  } finally {
    baseline.stop()
    await bare.close()
    await axon.close()
  }
  const [echo, model] = [rates.ratio('echo', 'bare'), rates.ratio('testModel', 'inProcess')]
  const alone = lonely.ratio('echo', 'bare')
  return {
    figures: {
      perSecond: rates.summaries(),
      aloneMs: lonely.summaries(),
      twoReplicasOverOne: rates.ratio('testModelByTwo', 'testModel'),
    },
    targets: [
      { target: 'echo runs a second ÷ bare undici at least 0.8', measured: echo, isMet: echo >= 0.8 },
      { target: 'p50 of one echo at a time at most 1.25 × bare', measured: alone, isMet: alone <= 1.25 },
      { target: 'test model runs a second ÷ in process at least 0.85', measured: model, isMet: model >= 0.85 },
    ],
  }
}

/** A pool of its own to the process that serves the agent: the same requests, without a run. */
function barePool(axon: Awaited<ReturnType<ReturnType<typeof createAxon>['start']>>, name: string) {
  const { generation, endpoint } = axon.agent(name).snapshot() ?? {}
  const link = resourcesOf(axon.actor.system).links.get(generation ?? '')
  if (link === undefined || endpoint?.kind !== 'unix') throw new Error(`${name} has no socket.`)
  const pool = new Pool('http://localhost', {
    connections: concurrency + 1,
    pipelining: 1,
    connect: { socketPath: endpoint.path },
  })
  const headers = { authorization: `Bearer ${link.token}`, 'content-type': 'application/json' }
  return {
    request: async () => {
      const response = await pool.request({ method: 'POST', path: `/agents/${name}/run_sync`, headers, body })
      if (response.statusCode !== 200) throw new Error(await response.body.text())
      return response.body.json()
    },
    close: () => pool.close(),
  }
}

async function startBaseline(python: string) {
  const script = join(benchRoot, 'agents/in_process.py')
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  return {
    async measure(): Promise<number> {
      const answer = once(lines, 'line')
      child.stdin.write(`${seconds}\n`)
      return round(Number((await answer)[0]))
    },
    stop: () => child.stdin.end(),
  }
}
