import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Gateway } from '../../src/index.ts'
import { lines, serve } from '../gateway/gateway.ts'
import { closed, dial, meanwhile } from './front.ts'
import { sized } from './profile.ts'

const clients = sized(100, 2_000)
/** In full those that hold where nothing is said. */
const times = sized({ headersMs: 1_000, requestMs: 3_000 }, { headersMs: 10_000, requestMs: 30_000 })

test('clients that drip their headers or bodies are cut off in time, start nothing, and others are answered meanwhile', async () => {
  const { axon, gateway, post } = await serve(times)
  const call = () => post('/agents/echo/run_sync', { prompt: 'a' })
  let runs = 0
  axon.on('run.accepted', () => {
    runs += 1
  })
  const slow = Promise.all(Array.from({ length: clients }, (_, at) => drip(gateway, at % 2 === 0 ? 'headers' : 'body')))
  const others = await meanwhile(call, slow)
  expect(new Set(await slow)).toEqual(new Set([408]))
  expect(new Set(others)).toEqual(new Set([200]))
  expect(runs).toBe(others.length)
  expect((await call()).status).toBe(200)
})

/** Sends a byte now and then for as long as it may; the status it got. */
async function drip(gateway: Gateway, part: 'headers' | 'body'): Promise<number> {
  const socket = dial(gateway)
  const end = closed(socket)
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1')
  })
  const headers = ['Content-Type: application/json', 'Content-Length: 100000']
  const request = lines(gateway, 'POST /agents/echo/run_sync HTTP/1.1', headers, '{"prompt":"')
  socket.write(part === 'body' ? request : request.slice(0, request.indexOf('Connection:')))
  while (!socket.closed) {
    socket.write('a')
    await Promise.race([end, setTimeout(times.headersMs / 10)])
  }
  return Number(answer.slice(9, 12))
}
