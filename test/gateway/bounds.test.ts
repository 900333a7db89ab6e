import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { agent, next } from '../e2e/axon.ts'
import { allEventsOf, lines, raw, serve, tokens } from './gateway.ts'

const json = 'Content-Type: application/json'

test('headers that do not come to an end are answered with 408, and the connection is closed', async () => {
  const { gateway } = await serve({ headersMs: 200 })
  expect(await raw(gateway, 'GET /agents HTTP/1.1\r\nX-Slow: ')).toMatch(/^HTTP\/1.1 408 [\s\S]*GATEWAY_REQUEST_SLOW/)
})

test('a body that does not come to an end is cut off, and starts no run', async () => {
  const { axon, gateway } = await serve({ headersMs: 200, requestMs: 300 })
  let runs = 0
  axon.on('run.accepted', () => {
    runs += 1
  })
  const begun = lines(gateway, 'POST /agents/echo/run_sync HTTP/1.1', [json, 'Content-Length: 100'], '{"prompt":')
  expect(await raw(gateway, begun)).toMatch(/^HTTP\/1.1 408 /)
  expect(runs).toBe(0)
})

test('a connection without a request is closed after its time', async () => {
  const { gateway } = await serve({ headersMs: 200, keepAliveMs: 100 })
  await raw(gateway, lines(gateway, 'GET /healthz HTTP/1.1', []).replace('Connection: close', 'Connection: keep-alive'))
})

test('who takes nothing of a stream is cut off, and its run ends', async () => {
  const { axon, gateway } = await serve(
    { stallMs: 300 },
    { words: agent('generator', { module: 'agents.generator:endless' }) },
  )
  const settled = next(axon, 'run.settled')
  const socket = connect(gateway.address.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.pause()
  const body = '{"prompt":"a"}'
  const headers = [json, `Content-Length: ${body.length}`]
  socket.write(lines(gateway, 'POST /agents/words/run_stream HTTP/1.1', headers, body))
  expect(await settled).toMatchObject({ status: 'cancelled' })
  socket.destroy()
})

test('a stream that is silent says so, and its reader sees no event of it', async () => {
  const { post } = await serve({ commentMs: 50 }, { words: agent('words') })
  const answer = await post('/agents/words/run_stream', { prompt: '1 hang' })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('\n: \n')) text += (await reader?.read())?.value ?? ''
  await reader?.cancel()
  const events = await allEventsOf(new Response(text))
  expect(events.map(({ event }) => event)).toEqual(['run.started', 'text.delta'])
})

test('one connection more than there may be is closed, and the others are served', async () => {
  const { gateway } = await serve({ maxConnectionsPerAddress: 1 })
  const first = connect(gateway.address.port, '127.0.0.1')
  await once(first, 'connect')
  expect(await raw(gateway, lines(gateway, 'GET /healthz HTTP/1.1', []))).toBe('')
  first.write(lines(gateway, 'GET /healthz HTTP/1.1', []))
  const [answer] = await once(first, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1.1 200 /)
})

test('an error tells those who do not operate nothing of the machine', async () => {
  const bad = agent('raises_at_import', { replicas: { min: 0, max: 1 }, restart: { maxRestarts: 0 } })
  const { post } = await serve({}, { bad })
  const ask = async (token: string) => (await post('/agents/bad/run_sync', { prompt: 'a' }, { token })).text()
  expect(await ask(tokens[2].token)).toMatch(/AGENT_FAILED|AGENT_IMPORT_FAILED/)
  expect(await ask(tokens[2].token)).not.toMatch(/Traceback|fixtures|phase|raises_at_import/)
  expect(await ask(tokens[0].token)).toMatch(/phase/)
})
