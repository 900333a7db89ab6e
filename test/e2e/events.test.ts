import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createActor } from 'xstate'
import { parseAgents, provideRuntime } from '../../src/index.ts'
import { resourcesOf } from '../../src/runtime/resources.ts'
import { agent, cacheDir, newAxon, next, processesWith, scratch } from './axon.ts'
import { cancelled, waits } from './gate.ts'

test('run.start sent to the root actor runs the agent; run.accepted, run.started and run.settled tell of it', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const told: string[] = []
  axon.on('*', (event) => {
    if (event.type.startsWith('run.')) told.push(event.type)
  })
  const settled = next(axon, 'run.settled', ({ run }) => run === 'mine')
  axon.actor.send({ type: 'run.start', agent: 'echo', run: 'mine', request: { prompt: 'hello' } })
  expect(await settled).toMatchObject({ agent: 'echo', status: 'succeeded', started: true, attempt: 1, totalTokens: 0 })
  expect(told).toEqual(['run.accepted', 'run.started', 'run.settled'])
})

test('run.started is told before run.settled, also where the answer overtakes the receipt', async () => {
  const axon = await newAxon({
    agents: { echo: agent('echo', { queue: 200 }), fragile: agent('crash_on_prompt', { queue: 200 }) },
  }).start()
  const told = new Map<string, string[]>()
  axon.on('*', (event) => {
    if (event.type === 'run.started' || event.type === 'run.settled')
      told.set(event.run, [...(told.get(event.run) ?? []), event.type])
  })
  const runs = Array.from({ length: 200 }, (_, index) => [
    axon.agent('echo').run({ prompt: 'fast' }),
    axon.agent('fragile').run({ prompt: index % 2 ? 'raise' : 'fast' }),
  ])
  await Promise.allSettled(runs.flat())
  expect([...told.values()].filter((order) => order.join() !== 'run.started,run.settled')).toEqual([])
})

test('run.cancel sent to the root actor cancels a run, whoever started it', async () => {
  const axon = await newAxon({ agents: { gate: agent('gate') } }).start()
  const gate = join(scratch(), 'gate')
  const isCancelled = cancelled(gate)
  const begun = Promise.all([next(axon, 'run.started'), waits(gate)])
  const settled = next(axon, 'run.settled')
  const run = axon.agent('gate').run({ prompt: gate }, { run: 'mine' })
  const outcome = run.catch((error) => error)
  await begun
  axon.actor.send({ type: 'run.cancel', run: 'mine' })
  expect(await settled).toMatchObject({ run: 'mine', status: 'cancelled', started: true })
  expect(await outcome).toMatchObject({ code: 'RUN_CANCELLED' })
  await isCancelled
})

test('a run.start that cannot be honoured is told as settled, with the error', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const unknown = next(axon, 'run.settled', ({ run }) => run === 'nobody')
  axon.actor.send({ type: 'run.start', agent: 'nobody', run: 'nobody', request: { prompt: 'hello' } })
  expect(await unknown).toMatchObject({ status: 'failed', started: false, error: { code: 'AGENT_UNKNOWN' } })
  const invalid = next(axon, 'run.settled', ({ run }) => run === 'invalid')
  axon.actor.send({ type: 'run.start', agent: 'echo', run: 'invalid', request: {} as { prompt: string } })
  expect(await invalid).toMatchObject({ status: 'failed', started: false, error: { code: 'RUN_REQUEST_INVALID' } })
})

test('an event to an agent that does not exist is told as refused', async () => {
  const axon = await newAxon().start()
  const refused = next(axon, 'event.refused')
  axon.actor.send({ type: 'agent.restart', agent: 'nobody' })
  expect(await refused).toMatchObject({ event: 'agent.restart', error: { code: 'AGENT_UNKNOWN', agent: 'nobody' } })
})

test('who embeds the root actor drives agents by events alone, and its stop leaves nothing', async () => {
  const actor = createActor(provideRuntime({ cacheDir }), { input: { agents: parseAgents({ echo: agent('echo') }) } })
  const ready = new Promise<number | undefined>((resolve) => actor.on('agent.ready', ({ pid }) => resolve(pid)))
  const settled = new Promise<{ status: string }>((resolve) => actor.on('run.settled', resolve))
  actor.start()
  const { id } = resourcesOf(actor.system)
  await ready
  actor.send({ type: 'run.start', agent: 'echo', run: 'mine', request: { prompt: 'hello' } })
  expect(await settled).toMatchObject({ run: 'mine', status: 'succeeded' })
  const closed = new Promise<void>((resolve) => actor.subscribe({ complete: resolve }))
  actor.send({ type: 'system.close' })
  await closed
  await resourcesOf(actor.system).close()
  expect(processesWith(`AXON_SYSTEM=${id}`)).toEqual([])
})

test('a root actor that is stopped in the middle of a run ends its processes', async () => {
  const actor = createActor(provideRuntime({ cacheDir }), { input: { agents: parseAgents({ gate: agent('gate') }) } })
  const ready = new Promise((resolve) => actor.on('agent.ready', resolve))
  const started = new Promise((resolve) => actor.on('run.started', resolve))
  actor.start()
  const resources = resourcesOf(actor.system)
  await ready
  actor.send({ type: 'run.start', agent: 'gate', run: 'mine', request: { prompt: join(scratch(), 'never') } })
  await started
  actor.stop()
  await resources.close()
  expect(processesWith(`AXON_SYSTEM=${resources.id}`)).toEqual([])
})

test('a listener that throws keeps nobody else from hearing, and ends nothing', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  axon.on('run.settled', () => {
    throw new Error('clumsy')
  })
  const settled = next(axon, 'run.settled')
  expect(await axon.agent('echo').run({ prompt: 'hello' })).toMatchObject({ result: { prompt: 'hello' } })
  expect((await settled).status).toBe('succeeded')
  expect((await warned).message).toContain('clumsy')
})
