import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, appears, isAlive, newAxon, next, quickly, record, rejection, scratch } from './axon.ts'
import { open } from './gate.ts'

interface Answer {
  pid: number
}

const team = (strategy: 'rest_for_one' | 'one_for_all') => ({
  research: { strategy, agents: ['find', 'read', 'write'] },
})
const echo = agent('echo', { restart: quickly })
const agents = { find: echo, read: echo, write: echo }

test('under rest_for_one the processes after a killed one are replaced, in order; runs to them wait and are answered', async () => {
  const axon = await newAxon({ agents, supervisors: team('rest_for_one') }).start()
  const pids = () => ['find', 'read', 'write'].map((name) => axon.agent(name).snapshot()?.pid as number)
  const before = pids()
  const events = record(axon)
  const draining = next(axon, 'agent.draining', (event) => event.agent === 'write')
  const back = next(axon, 'agent.ready', (event) => event.agent === 'write')
  process.kill(before[1] as number, 'SIGKILL')
  await draining
  const waiting = axon.agent('write').run<Answer>({ prompt: 'hello' })
  await back
  const after = pids()
  expect(after[0]).toBe(before[0])
  expect(before.slice(1).filter(isAlive)).toEqual([])
  expect((await waiting).result.pid).toBe(after[2])
  const order = events.flatMap((event) =>
    ['agent.crashed', 'agent.stopped', 'agent.ready'].includes(event.type) && 'agent' in event
      ? [`${event.type} ${event.agent}`]
      : [],
  )
  expect(order).toContain('agent.crashed read')
  expect(order.indexOf('agent.ready read')).toBeLessThan(order.indexOf('agent.ready write'))
})

test('under one_for_all twenty kills leave three processes, and every run in between is answered', {
  timeout: 120_000,
}, async () => {
  const axon = await newAxon({ agents, supervisors: team('one_for_all') }).start()
  const names = Object.keys(agents)
  for (let round = 0; round < 20; round += 1) {
    const name = names[round % 3] as string
    const exited = next(axon, 'process.exited', (event) => event.agent === name)
    process.kill(axon.agent(name).snapshot()?.pid as number, 'SIGKILL')
    await exited
    await Promise.all(names.map((each) => axon.agent(each).run({ prompt: 'hello' })))
    await Promise.all(names.map((each) => axon.agent(each).ready()))
  }
  expect(names.map((name) => axon.agent(name).snapshot()?.state)).toEqual(['ready', 'ready', 'ready'])
})

test('an agent that comes after others is started when they are ready, and closed before them', async () => {
  const gate = join(scratch(), 'gate')
  const importing = appears(`${gate}.importing`)
  const db = agent('held_at_import', { env: { GATE: gate } })
  const axon = newAxon({ agents: { app: agent('echo', { after: ['db'] }), db } })
  const events = record(axon)
  const started = axon.start()
  await importing
  expect(axon.agent('app').snapshot()).toMatchObject({ state: 'idle', replicas: [] })
  await open(gate)
  await started
  await axon.close()
  const told = (type: string) =>
    events.flatMap((event) => (event.type === type && 'agent' in event ? [event.agent] : []))
  expect(told('agent.waiting')).toEqual(['app'])
  expect(told('agent.ready')).toEqual(['db', 'app'])
  expect(told('agent.stopped')).toEqual(['app', 'db'])
})

test('a configuration in which agents come after each other in a circle is refused', () => {
  const circle = { a: agent('echo', { after: ['b'] }), b: agent('echo', { after: ['a'] }) }
  expect(() => newAxon({ agents: circle })).toThrow(/a circle: a after b after a/)
})

test('what escalates closes the system once too often, and leaves nothing', async () => {
  const restart = { maxRestarts: 0 }
  const axon = await newAxon({
    agents: { a: agent('echo', { restart, onFailed: 'escalate' }), b: agent('echo') },
  }).start()
  const other = axon.agent('b')
  for (const again of [true, false]) {
    const seen = again ? next(axon, 'agent.ready') : next(axon, 'system.closed')
    process.kill(axon.agent('a').snapshot()?.pid as number, 'SIGKILL')
    await seen
  }
  expect(await rejection(other.run({ prompt: 'hello' }))).toMatchObject({ code: 'SUPERVISOR_CLOSED' })
  expect(() => axon.agent('b')).toThrow(expect.objectContaining({ code: 'SUPERVISOR_CLOSED' }))
})
