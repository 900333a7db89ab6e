import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { agent } from '../e2e/axon.ts'
import { serve } from './gateway.ts'

test('of a crowd, pool and queue are answered, all others are refused with a time to come back, and then all is well', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'axon-crowd-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const gate = join(directory, 'gate')
  const crowd = agent('gate', { replicas: 2, concurrency: 4, queue: 50 })
  const { axon, post } = await serve({}, { gate: crowd })
  const places = 2 * 4 + 50
  const refused = Promise.withResolvers<void>()
  let left = 300 - places
  const answers = Array.from({ length: 300 }, async () => {
    const answer = await post('/agents/gate/run_sync', { prompt: gate })
    if (answer.status === 429) left -= 1
    if (left === 0) refused.resolve()
    return { status: answer.status, retryAfter: Number(answer.headers.get('retry-after')) }
  })
  await refused.promise
  expect(axon.agent('gate').snapshot()).toMatchObject({ inFlight: 8, queued: 50 })
  writeFileSync(gate, '')
  const all = await Promise.all(answers)
  expect(all.filter(({ status }) => status === 200)).toHaveLength(places)
  const others = all.filter(({ status }) => status !== 200)
  expect(others.filter(({ status, retryAfter }) => status === 429 && retryAfter > 0)).toHaveLength(300 - places)
  expect((await post('/agents/gate/run_sync', { prompt: gate })).status).toBe(200)
  expect(axon.agent('gate').snapshot()).toMatchObject({ inFlight: 0, queued: 0 })
})
