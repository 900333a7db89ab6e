/**
 * The gateway against a bare node:http server that forwards with undici, to the same agents; the load comes from one other
 * process, by turns in one run. Then the gateway and a crowd.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createAxon, createGateway } from 'axon-runtime'
import { Pool } from 'undici'
import { resourcesOf } from '../dist/runtime/resources.js'
import { crowd } from './crowd.ts'
import { agentOptions, benchEnvironment, benchRoot } from './environment.ts'
import type { Order } from './gateway-load.ts'
import type { BenchResult } from './main.ts'
import { Series } from './measures.ts'

const concurrency = 16
const seconds = 2
const body = JSON.stringify({ prompt: 'Hello, agent!' })
const agents = ['echo', 'support'] as const

export async function gateway(rounds = 5): Promise<BenchResult> {
  const [forwarded, met] = [await forwarding(rounds), await crowd()]
  return { figures: { ...forwarded.figures, ...met.figures }, targets: [...forwarded.targets, ...met.targets] }
}

async function forwarding(rounds: number): Promise<BenchResult> {
  await benchEnvironment()
  const axon = await createAxon({
    agents: { echo: { ...agentOptions, module: 'agents.echo' }, support: agentOptions },
  }).start()
  const front = await createGateway(axon)
  const bare = await startForwarder(axon)
  const load = fork(join(benchRoot, 'gateway-load.ts'))
  const rates = new Series()
  const lonely = new Series()
  try {
    for (let turn = 0; turn <= rounds; turn += 1) {
      const perSecond: Record<string, number> = {}
      const aloneMs: Record<string, number> = {}
      for (const agent of agents)
        for (const [way, url] of [['gateway', front.url] as const, ['bare', bare.url] as const]) {
          const path = `/agents/${agent}/run_sync`
          load.send({ url, path, token: front.token, body, concurrency, seconds } satisfies Order)
          const [found] = (await once(load, 'message')) as [{ perSecond: number; aloneMs: number }]
          perSecond[`${agent} ${way}`] = found.perSecond
          aloneMs[`${agent} ${way}`] = found.aloneMs
        }
      if (turn === 0) continue // warms the compilers
      rates.add(perSecond)
      lonely.add(aloneMs)
    }
  } finally {
    load.disconnect()
    await front.close()
    await bare.close()
    await axon.close()
  }
  const [echo, model] = [rates.ratio('echo gateway', 'echo bare'), rates.ratio('support gateway', 'support bare')]
  return {
    figures: { perSecond: rates.summaries(), aloneMs: lonely.summaries() },
    targets: [
      { target: 'echo runs a second ÷ a bare forwarder at least 0.7', measured: echo, isMet: echo >= 0.7 },
      { target: 'test model runs a second ÷ a bare forwarder at least 0.9', measured: model, isMet: model >= 0.9 },
    ],
  }
}

/** As little as can stand between a client and the process of an agent. */
async function startForwarder(axon: ReturnType<typeof createAxon>) {
  const pools = new Map(agents.map((name) => [`/agents/${name}/run_sync`, poolOf(axon, name)]))
  const server = createServer(async (request, response) => {
    const target = pools.get(request.url ?? '')
    if (target === undefined) return response.writeHead(404).end()
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const answer = await target.pool.request({
      method: 'POST',
      path: request.url ?? '',
      headers: target.headers,
      body: Buffer.concat(chunks),
    })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    response
      .writeHead(answer.statusCode, { 'content-type': 'application/json', 'content-length': bytes.length })
      .end(bytes)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close()
      await Promise.all([...pools.values()].map(({ pool }) => pool.close()))
    },
  }
}

function poolOf(axon: ReturnType<typeof createAxon>, name: string) {
  const { generation, endpoint } = axon.agent(name).snapshot() ?? {}
  const link = resourcesOf(axon.actor.system).links.get(generation ?? '')
  if (link === undefined || endpoint?.kind !== 'unix') throw new Error(`${name} has no socket.`)
  const pool = new Pool('http://localhost', { connections: concurrency, connect: { socketPath: endpoint.path } })
  return { pool, headers: { authorization: `Bearer ${link.token}`, 'content-type': 'application/json' } }
}
