import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Axon } from '../../../../src/index.ts'
import { next } from '../../../e2e/axon.ts'
import { answerOf, FakeRay, json, text } from './fake-ray.ts'
import { system } from './systems.ts'

const run = (axon: Axon) => axon.agent('echo').run({ prompt: 'Hello' })

const died = (response: ServerResponse) => text(response, 500, 'Internal Server Error')
const torn = (response: ServerResponse) => void response.socket?.destroy()
const timedOut = (response: ServerResponse) => text(response, 408, 'Request 1 timed out after 1s.')
const unknown = (response: ServerResponse) => text(response, 503, 'Service Unavailable')
const full = (response: ServerResponse) =>
  text(response, 503, 'Request dropped due to backpressure (num_queued_requests=1)')
const unrouted = (response: ServerResponse) =>
  text(response, 404, "Path '/axon-echo/x' not found. Ping http://.../-/routes")
const failed = (response: ServerResponse) =>
  text(response, 503, "Deployment(name='agent', app='axon-echo') is unavailable because it failed to deploy.")

describe('a run on Ray of which nobody knows whether it began', () => {
  it.each([
    ['a replica died', died],
    ['the connection broke', torn],
    ['the proxy timed out', timedOut],
    ['something else refused it', unknown],
  ])('has an unknown outcome and is sent once: %s', async (_, answer) => {
    const ray = await FakeRay.open()
    ray.answer = (_, response) => answer(response)
    const axon = await system(ray)
    await expect(run(axon)).rejects.toMatchObject({ code: 'RUN_OUTCOME_UNKNOWN', started: undefined, attempt: 1 })
    expect(ray.runs).toEqual(['proxy'])
  })

  it('is sent again where its agent is idempotent', async () => {
    const ray = await FakeRay.open()
    ray.answer = (_, response, { prompt }) =>
      ray.runs.length === 1 ? died(response) : json(response, 200, answerOf(prompt))
    const axon = await system(ray, { idempotent: true })
    expect((await run(axon)).result).toBe('Hello')
    expect(ray.runs.length).toBe(2)
  })
})

describe('a run on Ray that is known not to have begun', () => {
  it.each([
    ['its queue was full', full],
    ['the proxy has no such route', unrouted],
    ['there is no replica', failed],
  ])('is sent again: %s', async (_, answer) => {
    const ray = await FakeRay.open()
    ray.answer = (_, response, { prompt }) =>
      ray.runs.length === 1 ? answer(response) : json(response, 200, answerOf(prompt))
    const axon = await system(ray)
    expect((await run(axon)).result).toBe('Hello')
    expect(ray.runs.length).toBe(2)
  })
})

describe('a run on Ray whose answer has begun', () => {
  const begin = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'application/json' }).write(' ')

  it('had begun, where its connection breaks: the beginning is its receipt', async () => {
    const ray = await FakeRay.open()
    ray.answer = (request, response) => {
      expect(request.headers['x-axon-begin-ms']).toBe('20')
      begin(response)
    }
    const axon = await system(ray)
    const started = next(axon, 'run.started')
    const lost = run(axon)
    await started
    await ray.close()
    await expect(lost).rejects.toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  })

  it('is told its end by the body, an error too', async () => {
    const ray = await FakeRay.open()
    ray.answer = (_, response, { prompt }) => {
      const error = { code: 'AGENT_RAISED', message: 'no', kind: 'ValueError', started: true }
      begin(response)
      response.end(JSON.stringify(prompt === 'raise' ? { error } : answerOf(prompt)))
    }
    const axon = await system(ray)
    expect((await run(axon)).result).toBe('Hello')
    await expect(axon.agent('echo').run({ prompt: 'raise' })).rejects.toMatchObject({ code: 'AGENT_RAISED' })
  })
})

describe('what the agent itself answers', () => {
  it('is its error, as on this machine', async () => {
    const ray = await FakeRay.open()
    const error = { code: 'AGENT_RAISED', message: 'no', kind: 'ValueError', started: true, retryable: false }
    ray.answer = (_, response) => json(response, 500, { error })
    const axon = await system(ray)
    await expect(run(axon)).rejects.toMatchObject({ code: 'AGENT_RAISED', kind: 'ValueError', started: true })
  })
})

describe('a stream on Ray', () => {
  const event = (id: number, name: string, data: unknown) =>
    `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`

  it('that breaks after its first event was interrupted, and had begun', async () => {
    const ray = await FakeRay.open()
    ray.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(event(1, 'run.started', { run_id: 'r' }), () => torn(response))
    }
    const axon = await system(ray)
    const read = async () => {
      for await (const _ of axon.agent('echo').stream({ prompt: 'Hello' }));
    }
    await expect(read()).rejects.toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  })

  it('that is cancelled ends its connection, by which Ray ends its code', async () => {
    const ray = await FakeRay.open()
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    ray.answer = (_, response) => {
      response.on('close', () => resolve())
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(event(1, 'run.started', { run_id: 'r' }))
    }
    const axon = await system(ray, { cancelGraceMs: 1 })
    const stream = axon.agent('echo').stream({ prompt: 'Hello' })
    const read = async () => {
      for await (const _ of stream) stream.cancel()
    }
    await expect(read()).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    await ended
    ray.answer = (_, response, { prompt }) => json(response, 200, answerOf(prompt))
    expect((await run(axon)).result).toBe('Hello')
    // Nobody tells that its code has ended: for that no application is replaced.
    expect(axon.agent('echo').snapshot()).toMatchObject({ generation: 'echo/0#1', state: 'ready' })
  })
})

describe('the ports of replicas', () => {
  it('are used rather than the proxy where they answer', async () => {
    const ray = await FakeRay.open()
    await ray.addReplica('SERVE_REPLICA::one')
    ray.replicas.set('SERVE_REPLICA::dead', 1)
    ray.replicas.set('SERVE_PROXY', Number(new URL(ray.proxy).port))
    const axon = await system(ray)
    await run(axon)
    expect(ray.runs).toEqual(['SERVE_REPLICA::one'])
  })

  it('share the runs', async () => {
    const ray = await FakeRay.open()
    await ray.addReplica('SERVE_REPLICA::one')
    await ray.addReplica('SERVE_REPLICA::two')
    const held: (() => void)[] = []
    const { promise: both, resolve } = Promise.withResolvers<void>()
    ray.answer = (_, response, { prompt }) => {
      held.push(() => json(response, 200, answerOf(prompt)))
      if (held.length === 2) resolve()
    }
    const axon = await system(ray, { replicas: 2 })
    const runs = [run(axon), run(axon)]
    await both
    expect(ray.runs.sort()).toEqual(['SERVE_REPLICA::one', 'SERVE_REPLICA::two'])
    for (const answer of held) answer()
    await Promise.all(runs)
  })

  it('share the runs by their affinity, where they have one', async () => {
    const ray = await FakeRay.open()
    await ray.addReplica('SERVE_REPLICA::one')
    await ray.addReplica('SERVE_REPLICA::two')
    const axon = await system(ray, { replicas: 2 })
    const keys = Array.from({ length: 20 }, (_, index) => `user ${index}`)
    const places = async () => {
      ray.runs.length = 0
      for (const affinity of keys) await axon.agent('echo').run({ prompt: 'Hello' }, { affinity })
      return [...ray.runs]
    }
    const first = await places()
    expect(await places()).toEqual(first)
    expect(new Set(first).size).toBe(2)
  })

  it('are left to themselves where that is wanted', async () => {
    const ray = await FakeRay.open()
    await ray.addReplica('SERVE_REPLICA::one')
    const axon = await system(ray, {}, { direct: false })
    await run(axon)
    expect(ray.runs).toEqual(['proxy'])
  })
})

describe('a dashboard that does not answer', () => {
  it('keeps nobody from being answered', async () => {
    const ray = await FakeRay.open()
    const axon = await system(ray)
    ray.isUp = false
    const output = await next(axon, 'process.output', ({ line }) => line.includes('could not be asked'))
    expect(output.agent).toBe('echo')
    expect((await run(axon)).result).toBe('Hello')
    expect(axon.agent('echo').snapshot()?.state).toBe('ready')
    ray.isUp = true
  })
})
