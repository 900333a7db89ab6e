import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Answered, Crowd } from '../../bench/crowd-clients.ts'
import { agent, root, scratch } from '../e2e/axon.ts'
import { meanwhile } from '../faults/front.ts'
import { sized } from '../faults/profile.ts'
import { serve } from './gateway.ts'

const [clients, queue] = sized([300, 50], [10_000, 1_000])
const [replicas, concurrency] = [2, 4]
const places = replicas * concurrency + queue

test('of a crowd, pool and queue are answered, all others are refused with a time to come back, and then all is well', async () => {
  const gate = join(scratch(), 'gate')
  const crowd = agent('gate', { replicas, concurrency, queue })
  const { axon, gateway, post } = await serve({ graceMs: 5_000 }, { gate: crowd, other: agent('echo') })
  const load = fork(join(root, 'bench/crowd-clients.ts'))
  onTestFinished(() => void load.kill())
  const told = async () => (await once(load, 'message')) as [Answered]
  const path = '/agents/gate/run_sync'
  const token = 'token-of-the-owner'
  const body = JSON.stringify({ prompt: gate })
  const pace = sized(10_000, 2_000)
  load.send({ url: gateway.url, token, path, body, clients, pace, answers: clients - places } satisfies Crowd)
  const refusing = told()
  const others = await meanwhile(() => post('/agents/other/run_sync', { prompt: 'a' }), refusing)
  const [refused] = await refusing
  expect(refused).toMatchObject({ counts: { 429: clients - places }, withoutRetryAfter: 0 })
  expect(axon.agent('gate').snapshot()).toMatchObject({ inFlight: replicas * concurrency, queued: queue })
  const residentMegabytes = process.memoryUsage.rss() / 2 ** 20
  const openedAt = performance.now()
  const answering = told()
  writeFileSync(gate, '')
  const [all] = await answering
  expect(all.counts).toEqual({ 200: places, 429: clients - places })
  expect((await post(path, { prompt: gate })).status).toBe(200)
  const recoveredMs = performance.now() - openedAt
  expect(axon.agent('gate').snapshot()).toMatchObject({ inFlight: 0, queued: 0 })
  expect(new Set(others)).toEqual(new Set([200]))
  // Times are those of a machine that does nothing else.
  if (sized(true, false)) return
  expect(refused.refusedMs?.max).toBeLessThan(50)
  expect(recoveredMs).toBeLessThan(5_000)
  expect(residentMegabytes).toBeLessThan(500)
})
