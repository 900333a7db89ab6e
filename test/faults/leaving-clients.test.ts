import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { AxonEventOf, Gateway } from '../../src/index.ts'
import { agent, scratch } from '../e2e/axon.ts'
import { lines, serve } from '../gateway/gateway.ts'
import { closed, descriptors, dial, meanwhile } from './front.ts'
import { seed, seeded, sized } from './profile.ts'

const times = sized(100, 1_000)
const atOnce = 24
const concurrency = 8
const because = `FAULTS_SEED=${seed}`

test('clients that leave in the middle of a request, of its run or of its stream end what they have begun, and nothing is kept of them', {
  timeout: sized(120_000, 600_000),
}, async () => {
  const random = seeded(seed)
  const directory = scratch()
  const [records, gate] = [join(directory, 'records'), join(directory, 'gate')]
  const left = agent('left_alone', { concurrency, queue: times, env: { RECORDS: records, GATE: gate } })
  const { axon, gateway, post } = await serve({}, { left, other: agent('echo') })
  const accepted = new Set<string>()
  const settled = new Map<string, AxonEventOf<'run.settled'>>()
  axon.on('run.accepted', ({ run, agent }) => agent === 'left' && accepted.add(run))
  axon.on('run.settled', (event) => event.agent === 'left' && settled.set(event.run, event))
  /** So many runs as have a place are there at once, and then all answered. */
  const fill = async (name: string) => {
    const begun = Promise.withResolvers<void>()
    let starts = 0
    const off = axon.on('run.started', ({ agent }) => {
      if (agent === 'left') starts += 1
      if (starts === concurrency) begun.resolve()
    })
    const answers = Array.from({ length: concurrency }, (_, at) => post('/agents/left/run_sync', { prompt: name + at }))
    await begun.promise
    off()
    writeFileSync(gate, '')
    return await Promise.all(
      (await Promise.all(answers)).map(async (one) => [one.status, (await one.text()).length > 0]),
    )
  }
  const answered = Array.from({ length: concurrency }, () => [200, true])
  expect(await fill('before-')).toEqual(answered)
  rmSync(gate)
  accepted.clear()
  settled.clear()
  const pid = axon.agent('left').snapshot()?.pid as number
  const held = { node: descriptors('self'), agent: descriptors(pid) }

  let next = 0
  const client = async () => {
    while (next < times) await leave(gateway, `r-${next++}`, random)
  }
  const all = Promise.all(Array.from({ length: atOnce }, client))
  const others = await meanwhile(() => post('/agents/other/run_sync', { prompt: 'a' }), all)
  await all

  const told = (word: string) => {
    const lines = readFileSync(records, 'utf8').split('\n')
    return lines.filter((line) => line.startsWith(`${word} r-`)).map((line) => line.slice(word.length + 1))
  }
  await vi.waitFor(
    () => {
      expect(descriptors('self'), because).toBeLessThanOrEqual(held.node)
      expect(descriptors(pid), because).toBeLessThanOrEqual(held.agent)
      expect(settled.size, because).toBe(accepted.size)
      expect(told('ended').sort(), because).toEqual(told('began').sort())
      expect(axon.agent('left').snapshot(), because).toMatchObject({ inFlight: 0, queued: 0, pid, restarts: 0 })
    },
    { timeout: 30_000 },
  )
  const ends = [...settled.values()]
  expect(new Set(ends.map(({ status }) => status)), because).toEqual(new Set(['cancelled']))
  const began = told('began')
  expect(new Set(began).size, because).toBe(began.length)
  expect(ends.filter(({ started }) => started !== false).length, because).toBeGreaterThanOrEqual(began.length)
  // Some left before there was a run, and some when it had begun.
  expect(accepted.size, because).toBeLessThan(times)
  expect(began.length, because).toBeGreaterThan(times / 10)
  expect(new Set(others), because).toEqual(new Set([200]))
  expect(await fill('after-'), because).toEqual(answered)
})

/** Sends a request or a part of one, and leaves at a moment that is drawn by lot. */
async function leave(gateway: Gateway, prompt: string, random: () => number): Promise<void> {
  const lot = random()
  const seesWord = lot > 0.7
  const route = seesWord || random() < 0.5 ? 'run_stream' : 'run_sync'
  const body = JSON.stringify({ prompt })
  const headers = ['Content-Type: application/json', `Content-Length: ${body.length}`]
  const request = lines(gateway, `POST /agents/left/${route} HTTP/1.1`, headers, body)
  const socket = dial(gateway)
  if (seesWord) socket.once('data', () => socket.resetAndDestroy())
  if (lot < 0.2) socket.write(request.slice(0, Math.floor(random() * request.length)), () => socket.destroy())
  else socket.write(request, () => lot < 0.4 && socket.destroy())
  if (lot > 0.4 && !seesWord) setTimeout(() => socket.destroy(), random() * 100)
  await closed(socket)
}
