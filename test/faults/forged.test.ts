import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, next, rejection } from '../e2e/axon.ts'
import { waits } from '../e2e/gate.ts'
import { type Pool, startPool } from './pool.ts'

/** No process tells it of itself. */
const markBytes = 4_242
const beat = { type: 'heartbeat', rss: markBytes, cpu: 0, loopLagMs: 0, inFlight: 0 }

/**
 * Two processes that write what they like to their own control connections: another replica of the agent whose runs they name, and
 * a process of another agent. Each returns when Node has read it.
 */
async function forgers({ axon, run, directory }: Pool, target: number) {
  const env = { RECORDS: join(directory, 'of-others') }
  await axon.spawn({ name: 'two', ...agent('delivered', { env }) })
  let affinity = ''
  let count = 0
  const key = () => `probe-of-forger-${++count}`
  for (let pid = target; pid === target; ) {
    affinity = `key-${count}`
    pid = (await run(key(), {}, { affinity })).result.pid
  }
  return [
    (metadata: object) => run(key(), metadata, { affinity }),
    (metadata: object) => axon.agent('two').run({ prompt: key(), metadata: { ...metadata } }),
  ].map((forge) => async (...frames: object[]) => {
    const heard = next(axon, 'process.heartbeat', ({ heartbeat }) => heartbeat.rss === markBytes)
    const text = [...frames, beat].map((frame) => `${JSON.stringify(frame)}\n`).join('')
    await forge({ tells: Buffer.from(text).toString('base64') })
    return await heard
  })
}

/** All that a process can say of a run. */
const about = (run: string) => [
  { type: 'started', run },
  { type: 'settled', run, attempt: 1 },
  { type: 'revoked', run, attempt: 1, isKnown: false },
  { type: 'tool.cancel', run, attempt: 1, id: 'call-1' },
  { type: 'tool.invoke', run, attempt: 1, id: 'forged', tool: 'lookup', arguments: {} },
  { type: 'tool.approval', run, attempt: 1, id: 'asked', tool: 'lookup', arguments: {} },
]

test("receipts and ends that another process tells of somebody's runs mean nothing: what had begun is interrupted, what had not goes elsewhere", async () => {
  const pool = await startPool()
  const { axon, aim, run, directory, executed, attempts } = pool
  const [target, gate] = [await aim(), join(directory, 'gate')]
  const tools: string[] = []
  const started: string[] = []
  axon.on('run.started', (event) => started.push(event.run))
  for (const name of ['tool.called', 'tool.approval'] as const) axon.on(name, () => tools.push(name))
  const all = await forgers(pool, target.pid)
  const waiting = waits(gate)
  const begun = rejection(run('begun', { gate }))
  await waiting
  const held = target.arm({ of: 'request', afterBytes: 100, act: 'hold' })
  const unbegun = run('unbegun')
  await held
  for (const forge of all) await forge(...about('begun'), ...about('unbegun'), ...about('nobody'))
  expect(started).not.toContain('unbegun')
  process.kill(target.pid, 'SIGKILL')
  expect(await begun).toMatchObject({ code: 'RUN_INTERRUPTED', started: true, attempt: 1 })
  expect((await unbegun).result.pid).not.toBe(target.pid)
  expect(attempts.get('unbegun')).toBe(2)
  expect(executed()).toEqual(['begun', 'unbegun'])
  expect(tools).toEqual([])
})

test('the answer of another process to what one was asked means nothing: the outcome is unknown', async () => {
  const pool = await startPool()
  const { aim, run, executed } = pool
  const target = await aim()
  const all = await forgers(pool, target.pid)
  const held = target.arm({ of: 'request', afterBytes: 100, act: 'hold' })
  const outcome = rejection(run('a'))
  await held
  process.kill(target.pid, 'SIGSTOP')
  target.closeAll()
  for (const forge of all) await forge(...about('a'))
  expect(await outcome).toMatchObject({ code: 'RUN_OUTCOME_UNKNOWN', started: undefined, attempt: 1 })
  process.kill(target.pid, 'SIGCONT')
  expect((await run('b')).result.pid).toBe(target.pid)
  expect(executed()).toEqual(['b'])
})

test('the end that another process tells of a cancelled run does not count: code that ignores it is left after its grace', async () => {
  const pool = await startPool()
  const { axon } = pool
  await axon.spawn({ name: 'stuck', ...agent('lingers:swallows', { cancelGraceMs: 1_000, shutdownMs: 100 }) })
  const all = await forgers(pool, (await pool.aim()).pid)
  const running = next(axon, 'process.output', ({ line }) => line === 'running')
  const [abandoned, replaced] = [next(axon, 'run.abandoned'), next(axon, 'rollout.completed')]
  const controller = new AbortController()
  const run = rejection(axon.agent('stuck').run({ prompt: 'stay' }, { signal: controller.signal, run: 'lingering' }))
  await running
  controller.abort()
  expect(await run).toMatchObject({ code: 'RUN_CANCELLED', started: true })
  for (const forge of all) await forge(...about('lingering'))
  expect(await abandoned).toMatchObject({ agent: 'stuck', run: 'lingering' })
  await replaced
  expect((await axon.agent('stuck').run({ prompt: 'hello' })).result).toBeDefined()
})

test('a heartbeat in the name of another process is one of who says it', async () => {
  const pool = await startPool()
  const target = await pool.aim()
  const [generation = ''] = [...pool.proxies].find(([, proxy]) => proxy === target) ?? []
  for (const forge of await forgers(pool, target.pid)) {
    const { generation: told } = await forge({ ...beat, rss: 1, generation, replica: 'one/0', agent: 'one' })
    expect(told).not.toBe(generation)
  }
  const replicas = pool.axon.agent('one').snapshot()?.replicas
  expect(replicas?.find((one) => one.generation === generation)?.resources?.rss).not.toBe(markBytes)
})
