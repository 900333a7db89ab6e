import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Axon } from '../../src/index.ts'
import { agent, isAlive, newAxon, next, quickly, record, rejection, scratch } from './axon.ts'
import { open, waits } from './gate.ts'

interface Answer {
  pid: number
}

/** The ids of the processes that answer, of so many runs at once. */
async function answering(axon: Axon, name: string, runs: number): Promise<Set<number>> {
  const handle = axon.agent(name)
  const answers = Array.from({ length: runs }, () => handle.run<Answer>({ prompt: 'hello' }))
  return new Set((await Promise.all(answers)).map(({ result }) => result.pid))
}

const pidsOf = (axon: Axon, name: string) =>
  axon
    .agent(name)
    .snapshot()
    ?.replicas.map(({ pid }) => pid as number) ?? []

test('an agent of two replicas has two processes, which share its runs', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { replicas: 2 }) } }).start()
  const pids = pidsOf(axon, 'echo')
  expect(new Set(pids).size).toBe(2)
  expect(await answering(axon, 'echo', 40)).toEqual(new Set(pids))
  expect(axon.agent('echo').snapshot()).toMatchObject({ state: 'ready', restarts: 0, isRolling: false })
})

test('a replica that dies is out of routing at once: the runs that come go to the other, and it comes back', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { replicas: 2, restart: { firstMs: 200 } }) } }).start()
  const [one, two] = pidsOf(axon, 'echo') as [number, number]
  const back = next(axon, 'agent.ready')
  const exited = next(axon, 'process.exited')
  process.kill(one, 'SIGKILL')
  await exited
  expect(await answering(axon, 'echo', 20)).toEqual(new Set([two]))
  expect(axon.agent('echo').snapshot()).toMatchObject({ state: 'ready', restarts: 1 })
  expect((await back).generation).toBe('echo/0#2')
  expect(await answering(axon, 'echo', 40)).toEqual(new Set(pidsOf(axon, 'echo')))
})

test('agent.restart proves the next process ready before the last one drains, and the run in flight finishes', async () => {
  const axon = await newAxon({ agents: { gate: agent('gate') } }).start()
  const [first] = pidsOf(axon, 'gate') as [number]
  const events = record(axon)
  const path = join(scratch(), 'one')
  const waiting = waits(path)
  const inFlight = axon.agent('gate').run<Answer>({ prompt: path })
  await waiting
  const draining = next(axon, 'agent.draining')
  const completed = next(axon, 'rollout.completed')
  axon.agent('gate').send({ type: 'agent.restart' })
  await draining
  expect(isAlive(first)).toBe(true)
  await open(path)
  expect((await inFlight).result.pid).toBe(first)
  await completed
  expect(isAlive(first)).toBe(false)
  const told = events.flatMap((event) =>
    'generation' in event && /ready|draining|exited/.test(event.type) ? [`${event.type} ${event.generation}`] : [],
  )
  expect(told.filter((text) => !text.startsWith('environment'))).toEqual([
    'agent.ready gate/1#1',
    'agent.draining gate/0#1',
    'process.exited gate/0#1',
  ])
})

test('a process is never named twice, however often it is replaced', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const generations = [axon.agent('echo').snapshot()?.generation]
  for (let round = 0; round < 4; round += 1) {
    const completed = next(axon, 'rollout.completed')
    axon.agent('echo').send({ type: 'agent.restart' })
    await completed
    generations.push(axon.agent('echo').snapshot()?.generation)
  }
  expect(generations).toEqual(['echo/0#1', 'echo/1#1', 'echo/0#2', 'echo/1#2', 'echo/0#3'])
})

test('a new process that cannot start lets nothing go: the rollout fails, and the old processes serve', async () => {
  const broken = join(scratch(), 'broken')
  const definition = agent('breakable', { env: { BROKEN: broken }, replicas: 2, restart: quickly })
  const axon = await newAxon({ agents: { shaky: definition } }).start()
  const before = pidsOf(axon, 'shaky')
  await open(broken)
  const failed = next(axon, 'rollout.failed')
  axon.agent('shaky').send({ type: 'agent.restart' })
  expect(await failed).toMatchObject({ error: { code: 'PROCESS_EXITED' } })
  expect(await rejection(axon.apply({ agents: { shaky: { ...definition, model: 'test' } } }))).toMatchObject({
    code: 'PROCESS_EXITED',
  })
  expect(await answering(axon, 'shaky', 30)).toEqual(new Set(before))
  await rm(broken)
  // The same configuration again: it is not what runs.
  await axon.apply({ agents: { shaky: { ...definition, model: 'test' } } })
  expect(pidsOf(axon, 'shaky').filter((pid) => before.includes(pid))).toEqual([])
})

test('agent.scale adds replicas and drains those that are too many; nothing else is touched', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const [first] = pidsOf(axon, 'echo') as [number]
  const more = [1, 2].map((replica) =>
    next(axon, 'agent.ready', ({ generation }) => generation === `echo/${replica}#1`),
  )
  axon.agent('echo').send({ type: 'agent.scale', replicas: 3 })
  await Promise.all(more)
  expect(pidsOf(axon, 'echo')).toHaveLength(3)
  expect(pidsOf(axon, 'echo')[0]).toBe(first)
  const removed = ['echo/1', 'echo/2'].map((gone) => next(axon, 'replica.removed', ({ replica }) => replica === gone))
  axon.agent('echo').send({ type: 'agent.scale', replicas: 1 })
  await Promise.all(removed)
  expect(pidsOf(axon, 'echo')).toEqual([first])
})

test('apply() with another number of replicas scales, and restarts nothing', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const [first] = pidsOf(axon, 'echo') as [number]
  await axon.apply({ agents: { echo: agent('echo', { replicas: 2 }) } })
  expect(pidsOf(axon, 'echo')).toHaveLength(2)
  expect(pidsOf(axon, 'echo')[0]).toBe(first)
})

test('a range of replicas grows with the load and shrinks after it', async () => {
  const definition = agent('gate', {
    replicas: { min: 1, max: 3 },
    concurrency: 2,
    scaling: { target: 2, upDelayMs: 20, downDelayMs: 20 },
  })
  const axon = await newAxon({ agents: { gate: definition } }).start()
  const path = join(scratch(), 'gate')
  const begun = new Set<string>()
  const grown = next(axon, 'run.started', ({ run }) => begun.add(run).size === 6)
  const runs = Array.from({ length: 6 }, () => axon.agent('gate').run<Answer>({ prompt: path }))
  // Nobody's place is free before the gate is open: each of the three has begun two.
  await grown
  const shrunk = next(axon, 'agent.scaled', ({ to }) => to === 1)
  await open(path)
  expect(new Set((await Promise.all(runs)).map(({ result }) => result.pid)).size).toBe(3)
  expect(await shrunk).toMatchObject({ why: 'load' })
})

test('a process that has had its number of runs is replaced, and no run is lost', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { recycle: { afterRuns: 5 } }) } }).start()
  const started = next(axon, 'rollout.started')
  const completed = next(axon, 'rollout.completed')
  const [first] = pidsOf(axon, 'echo')
  for (let run = 0; run < 5; run += 1) await axon.agent('echo').run({ prompt: 'hello' })
  expect(await started).toMatchObject({ why: 'runs', replicas: 1 })
  await completed
  expect(pidsOf(axon, 'echo')).not.toContain(first)
})

test('runs of one key go to one process while it is there', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { replicas: 3 }) } }).start()
  const ask = async (affinity: string) =>
    (await axon.agent('echo').run<Answer>({ prompt: 'hello' }, { affinity })).result.pid
  const homes = new Map<string, number>()
  for (let key = 0; key < 30; key += 1) homes.set(`user-${key}`, await ask(`user-${key}`))
  expect(new Set(homes.values()).size).toBe(3)
  for (const [key, pid] of homes) expect(await ask(key)).toBe(pid)
})

test('agent.stop ends every replica; agent.start brings them back', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { replicas: 2 }) } }).start()
  const before = pidsOf(axon, 'echo')
  let stopped = 0
  const ended = next(axon, 'agent.stopped', () => ++stopped === 2)
  axon.agent('echo').send({ type: 'agent.stop' })
  await ended
  expect(before.filter(isAlive)).toEqual([])
  expect(axon.agent('echo').snapshot()?.state).toBe('stopped')
  expect(await rejection(axon.agent('echo').run({ prompt: 'hello' }))).toMatchObject({ code: 'AGENT_STOPPED' })
  axon.agent('echo').send({ type: 'agent.start' })
  await axon.agent('echo').ready()
  expect(pidsOf(axon, 'echo').every(isAlive)).toBe(true)
})
