/** The measuring half of the benchmark of Ray: given rounds and seconds, prints its result as one line of JSON. */
import { channel } from 'node:diagnostics_channel'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type AgentOptions, createAxon } from 'axon-runtime'
import { Pool } from 'undici'
import { addressOf } from '../../dist/runtime/placement/ray/application.js'
import { startHead } from '../../test/ray/head.ts'
import type { RayHead } from '../../test/ray/node.ts'
import { benchRoot } from '../environment.ts'
import type { BenchResult } from '../main.ts'
import { latency, rate, Series } from '../measures.ts'
import { memory } from './memory.ts'

const concurrency = 16
const calls = 50
const prompt = 'Hello, agent!'
const [rounds = 15, seconds = 1] = process.argv.slice(2).map(Number)

const { ray, end } = await startHead()
// Processes of others are not seen from here: their systems must not be taken for dead.
process.env.XDG_STATE_HOME = join(ray.directory, 'state')
try {
  process.stdout.write(`${JSON.stringify(await measure(ray))}\n`)
} finally {
  await end()
}
// What is left ends with the namespace.
process.exit()

async function measure({ address, proxy, token, python }: RayHead): Promise<BenchResult> {
  const agent: AgentOptions = { module: 'agents.echo', cwd: benchRoot, python }
  const onRay = (direct: boolean): AgentOptions => ({ ...agent, placement: { ray: { address, proxy, token, direct } } })
  const axon = await createAxon({ agents: {} }).start()
  const startMs: Record<string, number> = {}
  const start = async (name: string, options: AgentOptions) => {
    process.stderr.write(`starting ${name}\n`)
    const begunAt = performance.now()
    await axon.spawn({ name, ...options })
    startMs[name] = Math.round(performance.now() - begunAt)
  }
  const head = memory()
  await start('proxy', onRay(false))
  await start('port', onRay(true))
  const replica = memory('ray::ServeReplica:axon-port')
  const megabytes = { head, headWithServe: memory() - memory('ray::ServeReplica'), replica }
  await start('local', agent)

  const run = (name: string) => () => axon.agent(name).run({ prompt })
  const bare = barePool({ proxy, token }, 'axon-proxy')
  const paths = { bare: bare.request, proxy: run('proxy'), port: run('port'), local: run('local') }
  await expectWay(paths.proxy, (origin) => origin === proxy)
  await expectWay(paths.port, (origin) => origin !== proxy)

  const [perSecond, aloneMs, nodeMs] = [new Series(), new Series(), new Series()]
  for (let turn = 0; turn <= rounds; turn += 1) {
    process.stderr.write(`round ${turn} of ${rounds}\n`)
    const [rates, times, costs] = [new Series(), new Series(), new Series()]
    // There and back: what a machine with other work gives changes while they take turns.
    for (const [name, call] of [...Object.entries(paths), ...Object.entries(paths).reverse()]) {
      const cpu = process.cpuUsage()
      const found = await rate(call, concurrency, seconds)
      const { user, system } = process.cpuUsage(cpu)
      rates.add({ [name]: found })
      costs.add({ [name]: (user + system) / 1_000 / (found * seconds) })
      times.add({ [name]: await latency(call, calls) })
    }
    if (turn === 0) continue // warms the compilers
    perSecond.add(rates.means())
    aloneMs.add(times.means())
    nodeMs.add(costs.means())
  }
  await bare.close()
  await axon.destroy()

  const byProxy = perSecond.ratio('proxy', 'bare')
  const byPort = perSecond.ratio('port', 'bare')
  return {
    figures: {
      perSecond: perSecond.summaries(),
      aloneMs: aloneMs.summaries(),
      // Processor time of this process for each call, 16 at once.
      nodeMs: nodeMs.summaries(),
      localOverPort: perSecond.ratio('local', 'port'),
      startMs,
      megabytes,
    },
    targets: [
      {
        target: "runs a second over Serve's proxy ÷ bare undici there at least 0.95",
        measured: byProxy,
        isMet: byProxy >= 0.95,
      },
      {
        target: "runs a second by the replica's own port ÷ bare undici at the proxy at least 5",
        measured: byPort,
        isMet: byPort >= 5,
      },
    ],
  }
}

/** The same requests of the same application, without a run. */
function barePool({ proxy, token }: Pick<RayHead, 'proxy' | 'token'>, application: string) {
  const pool = new Pool(proxy, { connections: concurrency + 1, pipelining: 1 })
  const address = addressOf({ token }, application)
  const headers = { authorization: `Bearer ${address.token}`, 'content-type': 'application/json' }
  const path = `${address.prefix}/agents/proxy/run_sync`
  const body = JSON.stringify({ prompt })
  return {
    request: async () => {
      const response = await pool.request({ method: 'POST', path, headers, body })
      if (response.statusCode !== 200) throw new Error(await response.body.text())
      return response.body.json()
    },
    close: () => pool.close(),
  }
}

/** Waits until a run goes to such an address: a replica's own is known a moment after the agent is ready. */
async function expectWay(call: () => Promise<unknown>, isWay: (origin: string) => boolean): Promise<void> {
  let origin = ''
  const see = (message: unknown) => {
    const { request } = message as { request: { origin: string; path: string } }
    if (request.path.endsWith('/run_sync')) origin = request.origin
  }
  const requests = channel('undici:request:create')
  requests.subscribe(see)
  const deadline = performance.now() + 30_000
  while (!isWay(origin)) {
    if (performance.now() > deadline) throw new Error(`Runs go to ${origin}.`)
    await call()
    await setTimeout(100)
  }
  requests.unsubscribe(see)
}
