import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, appears, isAlive, leftBehind, newAxon, next, record, rejection, scratch } from './axon.ts'
import { open } from './gate.ts'

test('start() resolves when every agent is ready, and does its work once however often it is called', async () => {
  const axon = newAxon({ agents: { one: agent('echo'), two: agent('echo') } })
  const events = record(axon)
  await Promise.all([axon.start(), axon.start()])
  await axon.start()
  expect(events.filter(({ type }) => type === 'process.spawned')).toHaveLength(2)
  expect(axon.agent('one').snapshot()?.state).toBe('ready')
  expect(axon.agent('two').snapshot()?.state).toBe('ready')
})

test('a start() that fails says why and leaves nothing: no process, no directory, not even of the agents that were ready', async () => {
  const runtimeDir = scratch()
  const axon = newAxon({
    runtimeDir,
    agents: { good: agent('echo'), bad: agent('exits_at_import', { restart: { maxRestarts: 0 } }) },
  })
  expect(await rejection(axon.start())).toMatchObject({ code: 'PROCESS_EXITED', agent: 'bad' })
  expect(leftBehind(axon)).toEqual({ processes: [], directories: [] })
  expect(readdirSync(runtimeDir)).toEqual([])
  expect(await rejection(axon.spawn({ name: 'late', ...agent('echo') }))).toMatchObject({ code: 'SUPERVISOR_CLOSED' })
})

test('agent.start to an agent that is starting or ready makes no second process', async () => {
  const gate = join(scratch(), 'gate')
  const axon = await newAxon().start()
  const events = record(axon)
  const spawned = axon.spawn({ name: 'held', ...agent('held_at_import', { env: { GATE: gate } }) })
  await appears(`${gate}.importing`)
  axon.agent('held').send({ type: 'agent.start' })
  await open(gate)
  await spawned
  axon.agent('held').send({ type: 'agent.start' })
  await axon.agent('held').run({ prompt: 'are you one?' })
  expect(events.filter(({ type }) => type === 'process.spawned')).toHaveLength(1)
})

test('an agent that is stopped while it starts has no process, and who waits for it is told', async () => {
  const gate = join(scratch(), 'gate')
  const axon = await newAxon().start()
  const spawnedPid = next(axon, 'process.spawned')
  const spawned = rejection(axon.spawn({ name: 'held', ...agent('held_at_import', { env: { GATE: gate } }) }))
  await appears(`${gate}.importing`)
  axon.agent('held').send({ type: 'agent.stop' })
  expect(await spawned).toMatchObject({ code: 'AGENT_STOPPED', agent: 'held' })
  expect(isAlive((await spawnedPid).pid as number)).toBe(false)
  expect(axon.agents).toEqual([])
})

test('agent.stop twice is one stop; runs are answered with AGENT_STOPPED at once; agent.start brings a new process', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const echo = axon.agent('echo')
  const pid = echo.snapshot()?.pid as number
  const events = record(axon)
  const stopped = next(axon, 'agent.stopped')
  echo.send({ type: 'agent.stop' })
  echo.send({ type: 'agent.stop' })
  await stopped
  expect(isAlive(pid)).toBe(false)
  expect(events.filter(({ type }) => type === 'process.exited')).toHaveLength(1)
  expect(await rejection(echo.run({ prompt: 'hello' }))).toMatchObject({ code: 'AGENT_STOPPED', retryable: false })

  const ready = next(axon, 'agent.ready')
  echo.send({ type: 'agent.start' })
  expect((await ready).pid).not.toBe(pid)
  expect(await echo.run({ prompt: 'hello' })).toMatchObject({ result: { pid: (await ready).pid } })
})

test('an agent.start during stopping is kept and honoured after it: there are never two processes', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const echo = axon.agent('echo')
  const pid = echo.snapshot()?.pid as number
  const order = record(axon)
  const ready = next(axon, 'agent.ready')
  echo.send({ type: 'agent.stop' })
  echo.send({ type: 'agent.start' })
  expect((await ready).pid).not.toBe(pid)
  const steps = order.map(({ type }) => type).filter((type) => type === 'process.exited' || type === 'process.spawned')
  expect(steps).toEqual(['process.exited', 'process.spawned'])
})

test('agent.restart of a process that is not to overlap lets the run in flight finish, and keeps the runs that wait for the next', async () => {
  const axon = await newAxon({ agents: { gate: agent('gate', { concurrency: 1, replace: 'recreate' }) } }).start()
  const handle = axon.agent('gate')
  const first = handle.snapshot()?.pid
  const directory = scratch()
  const started = next(axon, 'run.started')
  const inFlight = handle.run<{ pid: number }>({ prompt: join(directory, 'one') })
  await started
  await open(join(directory, 'two'))
  const waiting = handle.run<{ pid: number }>({ prompt: join(directory, 'two') })
  expect(handle.snapshot()).toMatchObject({ inFlight: 1, queued: 1 })
  handle.send({ type: 'agent.restart' })
  await open(join(directory, 'one'))
  expect((await inFlight).result.pid).toBe(first)
  const { result } = await waiting
  expect(result.pid).not.toBe(first)
  expect(result.pid).toBe(handle.snapshot()?.pid)
})

test('retire() drains the agent and takes it out; its name is free again, and unknown until it is taken', async () => {
  const axon = await newAxon({ agents: { gate: agent('gate'), echo: agent('echo') } }).start()
  const handle = axon.agent('gate')
  const pid = handle.snapshot()?.pid as number
  const gate = join(scratch(), 'gate')
  const started = next(axon, 'run.started')
  const inFlight = handle.run({ prompt: gate })
  await started
  const retired = axon.retire('gate')
  await open(gate)
  expect(await inFlight).toMatchObject({ result: { pid } })
  await retired
  expect(isAlive(pid)).toBe(false)
  expect(axon.agents).toEqual(['echo'])
  expect(handle.snapshot()).toBeUndefined()
  expect(await rejection(handle.run({ prompt: gate }))).toMatchObject({ code: 'AGENT_UNKNOWN', agent: 'gate' })
  expect(() => axon.agent('gate')).toThrow(expect.objectContaining({ code: 'AGENT_UNKNOWN' }))
  expect(await rejection(axon.retire('gate'))).toMatchObject({ code: 'AGENT_UNKNOWN' })

  const again = await axon.spawn({ name: 'gate', ...agent('echo') })
  expect(await again.run({ prompt: 'hello' })).toMatchObject({ result: { prompt: 'hello' } })
})

test('spawn() of a name that exists is refused and does not touch the agent of that name', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const pid = axon.agent('echo').snapshot()?.pid
  expect(await rejection(axon.spawn({ name: 'echo', ...agent('gate') }))).toMatchObject({ code: 'AGENT_EXISTS' })
  const both = await Promise.allSettled([
    axon.spawn({ name: 'twin', ...agent('echo') }),
    axon.spawn({ name: 'twin', ...agent('echo') }),
  ])
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'AGENT_EXISTS' } })
  expect(axon.agents).toEqual(['echo', 'twin'])
  expect(axon.agent('echo').snapshot()?.pid).toBe(pid)
})
