import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AgentsOptions } from '../../src/index.ts'
import { agent, appears, isAlive, newAxon, next, record, rejection, scratch, slowly } from './axon.ts'

test('apply() leaves what is unchanged, replaces what changed, retires what is missing, spawns what is new', async () => {
  const axon = await newAxon({
    agents: { same: agent('echo'), changed: agent('environment'), gone: agent('echo') },
  }).start()
  const pidOf = (name: string) => axon.agent(name).snapshot()?.pid as number
  const before = { same: pidOf('same'), changed: pidOf('changed'), gone: pidOf('gone') }
  const events = record(axon)
  await axon.apply({
    agents: { same: agent('echo'), changed: agent('environment', { env: { COLOUR: 'blue' } }), added: agent('echo') },
  })
  expect(axon.agents).toEqual(['same', 'changed', 'added'])
  expect(pidOf('same')).toBe(before.same)
  expect(events.filter((event) => 'agent' in event && event.agent === 'same')).toEqual([])
  expect(pidOf('changed')).not.toBe(before.changed)
  expect(isAlive(before.changed)).toBe(false)
  expect(isAlive(before.gone)).toBe(false)
  expect(await axon.agent('changed').run({ prompt: '' })).toMatchObject({ result: { COLOUR: 'blue' } })
  expect(await axon.agent('added').run({ prompt: 'hello' })).toMatchObject({ result: { pid: pidOf('added') } })
})

test('apply() refuses an invalid configuration whole: nothing of it is done', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const pid = axon.agent('echo').snapshot()?.pid
  const events = record(axon)
  const wrong = { fine: agent('echo'), broken: { ...agent('echo'), concurrency: 0 } } as AgentsOptions
  expect(await rejection(axon.apply({ agents: wrong }))).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('broken.concurrency'),
  })
  expect(events).toEqual([])
  expect(axon.agents).toEqual(['echo'])
  expect(axon.agent('echo').snapshot()?.pid).toBe(pid)
})

test('apply() keeps the runs that wait, and answers them with the new definition', async () => {
  const gate = join(scratch(), 'gate')
  const axon = await newAxon().start()
  const spawned = axon.spawn({ name: 'slow', ...agent('held_at_import', { env: { GATE: gate } }) })
  await appears(`${gate}.importing`)
  const ready = next(axon, 'agent.ready')
  const run = axon.agent('slow').run({ prompt: 'hello' })
  await axon.apply({ agents: { slow: agent('echo') } })
  expect(await run).toMatchObject({ result: { prompt: 'hello', pid: (await ready).pid } })
  await spawned
})

test('apply() tells of a new agent that cannot start, and keeps the rest running', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const pid = axon.agent('echo').snapshot()?.pid
  const bad = agent('raises_at_import', { restart: { maxRestarts: 0 } })
  expect(await rejection(axon.apply({ agents: { echo: agent('echo'), bad } }))).toMatchObject({
    code: 'AGENT_IMPORT_FAILED',
    agent: 'bad',
  })
  expect(axon.agents).toEqual(['echo'])
  expect(await axon.agent('echo').run({ prompt: 'still?' })).toMatchObject({ result: { pid } })
})

test('apply() during a crash loop starts the agent at once, as it is now defined', async () => {
  const axon = await newAxon({ agents: { loop: agent('echo', { restart: slowly }) } }).start()
  const backoff = next(axon, 'agent.backoff')
  process.kill(axon.agent('loop').snapshot()?.pid as number, 'SIGKILL')
  await backoff
  await axon.apply({ agents: { loop: agent('environment', { restart: slowly, env: { COLOUR: 'red' } }) } })
  expect(await axon.agent('loop').run({ prompt: '' })).toMatchObject({ result: { COLOUR: 'red' } })
})
