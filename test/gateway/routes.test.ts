import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, appears, next, scratch } from '../e2e/axon.ts'
import { allEventsOf, serve, tokens } from './gateway.ts'

test('a run is answered as the agent answers it, and the agent shows in the figures', async () => {
  const { call, post } = await serve()
  const answer = await post('/agents/echo/run_sync', { prompt: 'Hello', metadata: { a: [1, 'ü'] } })
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({
    result: { prompt: 'Hello', metadata: { a: [1, 'ü'] } },
    messages: [],
    usage: { total_tokens: 0 },
  })
  const { agents } = (await (await call('/agents')).json()) as { agents: Record<string, unknown>[] }
  expect(agents).toMatchObject([{ name: 'echo', state: 'ready', runs: 1, errors: 0, queue: 0 }])
  expect(await (await call('/agents/echo')).json()).toMatchObject({
    name: 'echo',
    replicas: [{ replica: 'echo/0', generation: 'echo/0#1', pid: expect.any(Number), state: 'ready' }],
    metadata: {},
  })
})

test('a stream has the events of the run, counted, and its result last', async () => {
  const { post } = await serve({}, { words: agent('words') })
  const answer = await post('/agents/words/run_stream', { prompt: '3' })
  expect(answer.headers.get('content-type')).toMatch('text/event-stream')
  const events = await allEventsOf(answer)
  expect(events.map(({ event }) => event)).toEqual([
    'run.started',
    'text.delta',
    'text.delta',
    'text.delta',
    'run.result',
  ])
  expect(events.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5])
  expect(answer.headers.get('x-axon-run')).toBe(events[0]?.data.run_id)
})

test('an agent that raises is 500 as a whole, and the last event of a stream that had begun', async () => {
  const { post } = await serve({}, { breaks: agent('generator', { module: 'agents.generator:breaks' }) })
  const whole = await post('/agents/breaks/run_sync', { prompt: '' })
  expect(whole.status).toBe(500)
  expect(await whole.json()).toMatchObject({
    error: { code: 'AGENT_RAISED', kind: 'KeyError', started: true, attempt: 1 },
  })
  const events = await allEventsOf(await post('/agents/breaks/run_stream', { prompt: '' }))
  expect(events.at(-1)).toMatchObject({ event: 'run.error', data: { error: { code: 'AGENT_RAISED' } } })
})

test.each(['run_sync', 'run_stream'])('a client that goes away ends its run in Python: %s', async (route) => {
  const { axon, post } = await serve({}, { gate: agent('gate') })
  const gate = join(scratch(), 'gate')
  const leaving = new AbortController()
  const settled = next(axon, 'run.settled')
  const call = post(`/agents/gate/${route}`, { prompt: gate }, { signal: leaving.signal }).then((answer) =>
    answer.text(),
  )
  await appears(`${gate}.waiting`)
  leaving.abort()
  await expect(call).rejects.toThrow()
  expect(await settled).toMatchObject({ status: 'cancelled', started: true })
  await appears(`${gate}.cancelled`)
})

test('a run in the background is looked up, read again from any event, and belongs to its owner', async () => {
  const { call, post } = await serve({}, { words: agent('words') })
  const accepted = await post('/agents/words/runs', { prompt: '3' })
  expect(accepted.status).toBe(202)
  const { run_id, location } = (await accepted.json()) as { run_id: string; location: string }
  expect(accepted.headers.get('location')).toBe(location)
  const events = await allEventsOf(await call(`${location}/events`))
  expect(events.at(-1)?.event).toBe('run.result')
  const later = await call(`${location}/events`, { headers: { 'last-event-id': '3' } })
  expect(await allEventsOf(later)).toEqual(events.slice(3))
  expect((await call(`${location}/events`, { headers: { 'last-event-id': '5' } })).status).toBe(204)
  expect(await (await call(location)).json()).toMatchObject({
    run_id,
    agent: 'words',
    status: 'succeeded',
    attempt: 1,
    started: true,
    created_at: expect.any(Number),
    finished_at: expect.any(Number),
    response: { usage: { total_tokens: 0 } },
  })
  const other = tokens[2].token
  for (const path of [location, `${location}/events`, '/runs/nothing']) {
    expect((await call(path, { token: other })).status).toBe(404)
  }
  expect((await call(location, { method: 'DELETE', token: other })).status).toBe(404)
})

test('a run in the background goes on without readers, and is ended by DELETE', async () => {
  const { axon, call, post } = await serve({}, { gate: agent('gate') })
  const directory = scratch()
  const start = async (gate: string) => {
    const { location } = (await (await post('/agents/gate/runs', { prompt: gate })).json()) as { location: string }
    await appears(`${gate}.waiting`)
    return location
  }
  const first = join(directory, 'first')
  const ended = await start(first)
  expect(await (await call(ended)).json()).toMatchObject({ status: 'running', started: true })
  expect((await call(ended, { method: 'DELETE' })).status).toBe(202)
  await appears(`${first}.cancelled`)
  expect(await (await call(ended)).json()).toMatchObject({ status: 'cancelled', error: { code: 'RUN_CANCELLED' } })
  const second = join(directory, 'second')
  const location = await start(second)
  const leaving = new AbortController()
  await (await call(`${location}/events`, { signal: leaving.signal })).body?.getReader().read()
  leaving.abort()
  const settled = next(axon, 'run.settled')
  await writeFile(second, '')
  expect(await settled).toMatchObject({ status: 'succeeded' })
  expect(existsSync(`${second}.cancelled`)).toBe(false)
})

test('one idempotency key is one run, of each caller, and another body is refused', async () => {
  const { axon, post } = await serve()
  const headers = { 'idempotency-key': 'once' }
  let runs = 0
  axon.on('run.accepted', () => {
    runs += 1
  })
  const answers = await Promise.all([1, 2, 3].map(() => post('/agents/echo/run_sync', { prompt: 'a' }, { headers })))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(runs).toBe(1)
  const other = await post('/agents/echo/run_sync', { prompt: 'b' }, { headers })
  expect(other.status).toBe(422)
  expect(await other.json()).toMatchObject({ error: { code: 'RUN_KEY_REUSED' } })
  expect((await post('/agents/echo/run_sync', { prompt: 'b' }, { headers, token: tokens[2].token })).status).toBe(200)
  const background = await Promise.all([1, 2].map(() => post('/agents/echo/runs', { prompt: 'a' }, { headers })))
  const [first, second] = (await Promise.all(background.map((one) => one.json()))) as { run_id: string }[]
  expect(second?.run_id).toBe(first?.run_id)
  expect((await post('/agents/echo/runs', { prompt: 'b' }, { headers })).status).toBe(422)
})

test('an agent is driven by events', async () => {
  const { axon, post } = await serve()
  const stopped = next(axon, 'agent.stopped')
  const answer = await post('/agents/echo/events', { type: 'agent.stop' })
  expect(answer.status).toBe(202)
  expect(await answer.json()).toMatchObject({ accepted: true })
  await stopped
  const refused = await post('/agents/echo/run_sync', { prompt: '' })
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toMatchObject({ error: { code: 'AGENT_STOPPED', started: false } })
  expect((await post('/agents/echo/events', { type: 'agent.scale' })).status).toBe(422)
  expect((await post('/agents/echo/events', { type: 'agent.explode' })).status).toBe(422)
})

test('a full queue is 429 with the time to come back', async () => {
  const { post } = await serve({}, { gate: agent('gate', { concurrency: 1, queue: 1 }) })
  const gate = join(scratch(), 'gate')
  const first = post('/agents/gate/run_sync', { prompt: gate })
  await appears(`${gate}.waiting`)
  await post('/agents/gate/runs', { prompt: gate })
  const refused = await post('/agents/gate/run_sync', { prompt: gate })
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  await writeFile(gate, '')
  expect((await first).status).toBe(200)
})

test('a run that is too slow is 504', async () => {
  const { post } = await serve(
    {},
    {
      gate: agent('gate', { timeouts: { runMs: 300 } }),
    },
  )
  const late = await post('/agents/gate/run_sync', { prompt: join(scratch(), 'never') })
  expect(late.status).toBe(504)
  expect(await late.json()).toMatchObject({ error: { code: 'RUN_TIMEOUT' } })
})

test('readiness tells when the gateway is closing; runs under way end first, and no more are taken', async () => {
  const { gateway, call, post } = await serve({ graceMs: 5_000 }, { gate: agent('gate') })
  expect(await (await call('/readyz', { token: '' })).json()).toEqual({ status: 'ok' })
  expect(await (await call('/healthz', { token: '' })).json()).toEqual({ status: 'ok' })
  const gate = join(scratch(), 'gate')
  const running = post('/agents/gate/run_sync', { prompt: gate })
  await appears(`${gate}.waiting`)
  const closed = gateway.close()
  const ready = await call('/readyz', { token: '' })
  expect([ready.status, await ready.json()]).toEqual([503, { status: 'closing' }])
  const refused = await post('/agents/gate/run_sync', { prompt: gate })
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  await writeFile(gate, '')
  expect((await running).status).toBe(200)
  await closed
  await expect(call('/healthz')).rejects.toThrow()
})
