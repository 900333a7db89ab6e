/**
 * The gateway and many clients at once: what an open stream costs Node, and what becomes of a crowd that is larger than a pool and
 * its queue.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAxon, createGateway, type Gateway } from 'axon-runtime'
import type { Answered, Crowd } from './crowd-clients.ts'
import { benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'
import { round } from './statistics.ts'

const streams = 1_000
const clients = 10_000
const queue = 1_000
const [replicas, concurrency] = [2, 16]
const accepted = queue + replicas * concurrency

export async function crowd(): Promise<BenchResult> {
  const scratch = mkdtempSync(join(tmpdir(), 'axon-bench-crowd-'))
  const gates = { wide: join(scratch, 'wide'), pool: join(scratch, 'pool') }
  const waiting = { module: 'agents.waiting', cwd: benchRoot, dependencies: [] }
  const axon = await createAxon({
    agents: {
      wide: { ...waiting, concurrency: streams, env: { GATE: gates.wide } },
      pool: { ...waiting, replicas, concurrency, queue, env: { GATE: gates.pool } },
    },
  }).start()
  const gateway = await createGateway(axon)
  try {
    const kilobytesPerStream = await costOfStreams(gateway)
    const met = await meetCrowd(gateway, gates.pool)
    const { refusedMs } = met
    return {
      figures: { streams, kilobytesPerStream, clients, queue, ...met },
      targets: [
        {
          target: 'memory that Node uses for an open stream at most 40 KB',
          measured: kilobytesPerStream.used,
          isMet: kilobytesPerStream.used <= 40,
        },
        {
          target: 'all beyond pool and queue refused with Retry-After',
          measured: met.refused,
          isMet: met.refused === clients - accepted,
        },
        { target: 'a refusal in at most 50 ms', measured: refusedMs.max, isMet: refusedMs.max <= 50 },
        { target: 'recovered in at most 5 s', measured: met.recoveredMs, isMet: met.recoveredMs <= 5_000 },
      ],
    }
  } finally {
    await gateway.close()
    await axon.close()
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Kilobytes of Node's memory for each of 1 000 streams that have begun: what they use, and what the process has grown by. */
async function costOfStreams({ url, token }: Gateway): Promise<{ used: number; resident: number }> {
  const load = fork(join(benchRoot, 'crowd-clients.ts'))
  const crowd: Crowd = {
    url,
    token,
    path: '/agents/wide/run_stream',
    body: JSON.stringify({ prompt: 'hi' }),
    clients: streams,
    pace: 1_000,
    answers: streams,
  }
  // The first ones warm the compilers, and what is kept for later.
  const before = await memoryWith(load, { ...crowd, clients: 100, answers: 100 })
  load.send('leave')
  const after = await memoryWith(load, crowd)
  load.disconnect()
  const each = (bytes: number) => round(bytes / 1_024 / (streams - 100))
  return { used: each(after.used - before.used), resident: each(after.resident - before.resident) }
}

async function memoryWith(load: ReturnType<typeof fork>, crowd: Crowd): Promise<{ used: number; resident: number }> {
  load.send(crowd)
  await once(load, 'message')
  globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { used: heapUsed + external, resident: rss }
}

async function meetCrowd({ url, token }: Gateway, gate: string) {
  const load = fork(join(benchRoot, 'crowd-clients.ts'))
  const body = JSON.stringify({ prompt: 'hi' })
  const path = '/agents/pool/run_sync'
  load.send({ url, token, path, body, clients, pace: 2_000, answers: clients - accepted } satisfies Crowd)
  const [refusals] = (await once(load, 'message')) as [Answered]
  const openedAt = performance.now()
  writeFileSync(gate, '')
  const [all] = (await once(load, 'message')) as [Answered]
  const last = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body,
  })
  const recoveredMs = round(performance.now() - openedAt)
  if (last.status !== 200) throw new Error(await last.text())
  load.disconnect()
  const { refusedMs, withoutRetryAfter } = refusals
  if (refusedMs === undefined) throw new Error('Nobody was refused.')
  const refused = (refusals.counts['429'] ?? 0) - withoutRetryAfter
  return { refused, refusedMs, answered: all.counts, recoveredMs }
}
