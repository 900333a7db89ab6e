import { join } from 'node:path'
import { expect, test } from 'vitest'
import { appears, next, rejection } from '../e2e/axon.ts'
import { open } from '../e2e/gate.ts'
import { type Pool, startPool } from './pool.ts'
import { sized } from './profile.ts'

/** A run blocks the event loop of its process until `free` is called; resolves when Axon has found that out. */
async function block({ axon, directory, run }: Pool) {
  const gate = join(directory, 'gate')
  const waiting = appears(`${gate}.waiting`)
  const suspected = next(axon, 'agent.suspect')
  const answer = run('blocks', { blocks: gate })
  await waiting
  const { generation } = await suspected
  return { generation, answer, free: () => open(gate) }
}

test('a process whose event loop is blocked beside another: nothing new goes there, it is not ended, and is ready again when it is free', async () => {
  const pool = await startPool({ concurrency: 2 })
  const { axon, aim, run, executed, proxies } = pool
  const target = await aim()
  const exits: string[] = []
  axon.on('process.exited', ({ generation }) => exits.push(generation))
  const { generation, answer, free } = await block(pool)
  expect(proxies.get(generation)).toBe(target)
  const ids = Array.from({ length: sized(2, 8) }, (_, round) => [0, 1, 2, 3, 4, 5].map((at) => `${round}-${at}`))
  for (const round of ids) {
    await next(axon, 'process.heartbeat', (beat) => beat.generation === generation && beat.heartbeat.loopLagMs > 1_000)
    // It is the one that they would go to, and has a place; more of them come than the other takes at once.
    const pids = await Promise.all(round.map(async (id) => (await run(id)).result.pid))
    expect(pids).not.toContain(target.pid)
    const replica = axon
      .agent('one')
      .snapshot()
      ?.replicas.find((one) => one.generation === generation)
    expect(replica).toMatchObject({ state: 'suspect', pid: target.pid })
  }
  const ready = next(axon, 'agent.ready')
  await free()
  expect((await answer).result.pid).toBe(target.pid)
  expect((await ready).generation).toBe(generation)
  expect((await run('after')).result.pid).toBe(target.pid)
  expect(executed().sort()).toEqual(['blocks', 'after', ...ids.flat()].sort())
  expect(exits).toEqual([])
})

test('the only process of an agent, with its event loop blocked: what comes waits in Node, unstarted, and goes there when it is free', async () => {
  const pool = await startPool({ replicas: 1 })
  const { run, aim, executed } = pool
  const target = await aim()
  const { answer, free } = await block(pool)
  expect(await rejection(run('hurried', {}, { runMs: 50 }))).toMatchObject({ code: 'RUN_TIMEOUT', started: false })
  const patient = run('patient')
  await free()
  expect((await answer).result.pid).toBe(target.pid)
  expect((await patient).result.pid).toBe(target.pid)
  expect(executed()).toEqual(['blocks', 'patient'])
})
