import { expect, test } from 'vitest'
import { agent, newAxon, next, record } from './axon.ts'

const onDemand = { replicas: { min: 0, max: 1 } }

test('an agent with min 0 costs no process at boot; the first run starts it', async () => {
  const axon = newAxon({ agents: { echo: agent('echo', onDemand) } })
  const events = record(axon)
  await axon.start()
  const echo = axon.agent('echo')
  await echo.ready()
  expect(echo.snapshot()).toMatchObject({ state: 'idle', pid: undefined })
  expect(events.map(({ type }) => type)).not.toContain('environment.ready')
  const runs = [1, 2, 3].map((n) => echo.run<{ prompt: string }>({ prompt: `run ${n}` }))
  expect((await Promise.all(runs)).map(({ result }) => result.prompt)).toEqual(['run 1', 'run 2', 'run 3'])
  expect(events.filter(({ type }) => type === 'process.spawned')).toHaveLength(1)
  expect(echo.snapshot()?.state).toBe('ready')
})

test('an agent that is spawned with min 0 rests until it is started or called', async () => {
  const axon = await newAxon().start()
  const echo = await axon.spawn({ name: 'echo', ...agent('echo', onDemand) })
  expect(echo.snapshot()?.state).toBe('idle')
  const ready = next(axon, 'agent.ready')
  echo.send({ type: 'agent.start' })
  await ready
  expect(await echo.run({ prompt: 'hello' })).toMatchObject({ result: { prompt: 'hello' } })
})

test('without a run for idleAfterMs the process is let go, and the next run starts another', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { idleAfterMs: 50 }) } }).start()
  const echo = axon.agent('echo')
  const idle = () => next(axon, 'agent.idle')
  let rested = idle()
  const first = await echo.run<{ pid: number }>({ prompt: 'one' })
  await rested
  expect(echo.snapshot()).toMatchObject({ state: 'idle', pid: undefined, restarts: 0, crash: undefined })
  rested = idle()
  const second = await echo.run<{ pid: number }>({ prompt: 'two' })
  expect(second.result.pid).not.toBe(first.result.pid)
  await rested
})

test('runs at every moment of going to rest and waking up are all answered', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { idleAfterMs: 1, shutdownMs: 5_000 }) } }).start()
  const echo = axon.agent('echo')
  const facts = ['agent.draining', 'process.exited', 'agent.idle', 'agent.provisioning', 'agent.starting'] as const
  const runs: Promise<unknown>[] = []
  const { promise: enough, resolve } = Promise.withResolvers<void>()
  for (const fact of facts) {
    axon.on(fact, () => {
      if (runs.length < 40) runs.push(echo.run({ prompt: fact }))
      else resolve()
    })
  }
  runs.push(echo.run({ prompt: 'begin' }))
  await enough
  for (const answer of await Promise.all(runs)) expect(answer).toMatchObject({ result: { pid: expect.any(Number) } })
})

test('what a process uses is in its snapshot and told by its heartbeats, and gone with it', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const echo = axon.agent('echo')
  const { heartbeat } = await next(axon, 'process.heartbeat', ({ heartbeat }) => heartbeat.pss != null)
  const { type, ...resources } = heartbeat
  expect(echo.snapshot()?.resources).toEqual(resources)
  expect(resources.rss).toBeGreaterThan(5_000_000)
  expect(resources.pss).toBeGreaterThan(1_000_000)
  expect(resources.pss as number).toBeLessThan(resources.rss)
  expect(resources.openFiles).toBeGreaterThan(3)
  expect(resources.cpu).toBeGreaterThan(0)
  const stopped = next(axon, 'agent.stopped')
  echo.send({ type: 'agent.stop' })
  await stopped
  expect(echo.snapshot()?.resources).toBeUndefined()
})
