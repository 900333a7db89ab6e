import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cancelled, waits } from '../e2e/gate.ts'
import { clear, deploy, gate, ports, type Running, ray, readUntil, run, running, token } from './cluster.ts'

let replica: Running
let own: string | undefined

beforeAll(async () => {
  await deploy('gate', 'gate')
  await deploy('threaded', 'gate', {}, { variables: { RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD: '1' } })
  await deploy('words', 'words')
  await Promise.all([running('threaded'), running('words')])
  ;[replica] = await running('gate')
  ;[own] = await ports('gate', [replica])
})

afterAll(clear)

it('tells what serves the agent and which replica answers', async () => {
  const answer = await fetch(`${ray.proxy}/gate/health`, { headers: { authorization: `Bearer ${token}` } })
  const facts = { name: 'gate', framework: 'function' }
  expect(await answer.json()).toMatchObject({
    status: 'ok',
    agent: 'gate',
    generation: replica.replica_id,
    in_flight: 0,
    facts,
  })
})

describe.each([
  { where: "at Serve's proxy", name: 'gate', at: () => ray.proxy },
  { where: "at the replica's own port", name: 'gate', at: () => own },
  { where: 'on a loop of its own, as Serve has it unless told otherwise', name: 'threaded', at: () => ray.proxy },
])('$where', ({ name, at }) => {
  it('answers a run', async () => {
    const answer = await run(name, '/dev/null', { at: at() })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ result: { pid: expect.any(Number) }, usage: { total_tokens: 0 } })
  })

  it('refuses who has no token or another one', async () => {
    for (const bearer of ['', 'another', ray.token]) {
      const answer = await run(name, '/dev/null', { at: at(), bearer })
      expect(answer.status).toBe(401)
      expect(await answer.json()).toMatchObject({ error: { code: 'PROTOCOL_UNAUTHORIZED', started: false } })
    }
  })

  it("answers its own errors as axon_agent's", async () => {
    const answer = await run(name, { no: 'prompt' }, { at: at() })
    expect(answer.status).toBe(422)
    expect(await answer.json()).toMatchObject({ error: { code: 'RUN_REQUEST_INVALID' } })
  })

  it('ends a run at its deadline', async () => {
    const answer = await run(name, gate(), { at: at(), headers: { 'x-axon-deadline-ms': '300' } })
    expect(answer.status).toBe(504)
    expect(await answer.json()).toMatchObject({ error: { code: 'RUN_TIMEOUT', started: true } })
  })

  it.each(['run_sync', 'run_stream'] as const)('cancels %s where its caller goes away', async (route) => {
    const path = gate()
    const waiting = waits(path)
    const caller = new AbortController()
    const answer = run(name, path, { at: at(), route, signal: caller.signal }).then((response) => response.text())
    await waiting
    const heard = cancelled(path)
    caller.abort()
    await expect(answer).rejects.toThrow('aborted')
    await heard
  })
})

it('streams each word as it is said', async () => {
  const answer = await run('words', '2 hang', { route: 'run_stream' })
  const text = await readUntil(answer, (read) => read.split('text.delta').length === 3)
  expect(text).toContain('event: run.started')
})
