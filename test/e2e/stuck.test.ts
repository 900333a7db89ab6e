import { expect, test } from 'vitest'
import { agent, isAlive, makeEnvironment, newAxon, next, pydanticAi, record, rejection } from './axon.ts'

test.each([
  ['sync code in a thread', 'in_a_thread'],
  ['asyncio code that swallows its cancellation', 'swallows'],
  ['asyncio code that holds the event loop', 'holds_the_loop'],
])('%s is left after its grace, and its process is replaced', async (_, name) => {
  const definition = agent(`lingers:${name}`, { cancelGraceMs: 100, shutdownMs: 100 })
  const axon = await newAxon({ agents: { stuck: definition } }).start()
  const stuck = axon.agent('stuck')
  const pid = stuck.snapshot()?.pid as number
  const running = next(axon, 'process.output', ({ line }) => line === 'running')
  const [abandoned, replacing] = [next(axon, 'run.abandoned'), next(axon, 'rollout.started')]
  const replaced = next(axon, 'rollout.completed')
  const controller = new AbortController()
  const run = rejection(stuck.run({ prompt: 'stay' }, { signal: controller.signal, run: 'one' }))
  await running
  controller.abort()
  expect(await run).toMatchObject({ code: 'RUN_CANCELLED', started: true })
  expect(await abandoned).toMatchObject({ agent: 'stuck', run: 'one', generation: 'stuck/0#1' })
  expect(await replacing).toMatchObject({ why: 'stuck', replicas: 1 })
  await replaced
  expect(isAlive(pid)).toBe(false)
  const { result } = await stuck.run<{ pid: number }>({ prompt: 'hello' })
  expect(result.pid).not.toBe(pid)
  expect(stuck.snapshot()).toMatchObject({ restarts: 0, inFlight: 0 })
})

test('a deadline that passes in Python is followed in the same way', async () => {
  const definition = agent('lingers:swallows', { cancelGraceMs: 100, shutdownMs: 100 })
  const axon = await newAxon({ agents: { stuck: definition } }).start()
  const replaced = next(axon, 'rollout.completed')
  expect(await rejection(axon.agent('stuck').run({ prompt: 'stay' }, { runMs: 500 }))).toMatchObject({
    code: 'RUN_TIMEOUT',
  })
  await replaced
})

test('code that cleans up within its grace is cancelled once, ends by itself, and its process stays', async () => {
  const axon = await newAxon({ agents: { tidy: agent('lingers:cleans_up') } }).start()
  const events = record(axon)
  for (let round = 0; round < 5; round += 1) {
    const running = next(axon, 'process.output', ({ line }) => line === 'running')
    const cleaned = next(axon, 'process.output', ({ line }) => line === 'cleaned')
    const controller = new AbortController()
    const run = rejection(axon.agent('tidy').run({ prompt: 'stay' }, { signal: controller.signal }))
    await running
    controller.abort()
    await run
    await cleaned
  }
  expect(events.map(({ type }) => type)).not.toContain('run.abandoned')
  expect(axon.agent('tidy').snapshot()?.generation).toBe('tidy/0#1')
})

test('a cancellation reaches the task and what it awaits of its provider within 100 ms', async () => {
  await makeEnvironment(pydanticAi)
  const agents = {
    plain: agent('hears_cancel'),
    model: agent('hears_cancel:model', { dependencies: pydanticAi }),
  }
  const axon = await newAxon({ agents }).start()
  for (const name of ['plain', 'model']) {
    const delays: number[] = []
    for (let round = 0; round < 11; round += 1) {
      const waiting = next(axon, 'process.output', ({ line }) => line === 'waiting')
      const told = next(axon, 'process.output', ({ line }) => line.startsWith('cancelled '))
      const controller = new AbortController()
      const run = rejection(axon.agent(name).run({ prompt: '' }, { signal: controller.signal }))
      await waiting
      // Both read the kernel's monotonic clock.
      const abortedAt = Number(process.hrtime.bigint()) / 1e6
      controller.abort()
      await run
      delays.push(Number((await told).line.split(' ')[1]) - abortedAt)
    }
    const median = delays.sort((a, b) => a - b)[5] as number
    expect(median).toBeGreaterThan(0)
    expect(median).toBeLessThan(100)
  }
})
