import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { createAxon } from '../../src/index.ts'
import { agent, appears, cacheDir, isAlive, leftBehind, newAxon, next, record, rejection, scratch } from './axon.ts'
import { cancelled, open, waits } from './gate.ts'

const nothing = { processes: [], directories: [] }

/** A system with a run in flight that ends when its gate is opened. */
async function running(options: { shutdownMs?: number } = {}) {
  const axon = await newAxon({ agents: { gate: agent('gate', options) } }).start()
  const gate = join(scratch(), 'gate')
  const begun = Promise.all([next(axon, 'run.started'), waits(gate)])
  const run = axon.agent('gate').run({ prompt: gate })
  run.catch(() => {})
  await begun
  return { axon, gate, run, pid: axon.agent('gate').snapshot()?.pid as number }
}

test('close() lets a run in flight finish, takes no new ones, and leaves nothing', async () => {
  const { axon, gate, run, pid } = await running()
  const handle = axon.agent('gate')
  const draining = next(axon, 'agent.draining')
  const closed = axon.close()
  await draining
  const refused = next(axon, 'event.refused')
  axon.actor.send({ type: 'run.start', agent: 'gate', run: 'late', request: { prompt: gate } })
  expect(await refused).toMatchObject({ event: 'run.start', error: { code: 'SUPERVISOR_CLOSED' } })
  expect(await rejection(handle.run({ prompt: gate }))).toMatchObject({ code: 'SUPERVISOR_CLOSED' })
  expect(handle.snapshot()).toMatchObject({ state: 'draining', inFlight: 1 })
  await open(gate)
  expect(await run).toMatchObject({ result: { pid } })
  await closed
  expect(leftBehind(axon)).toEqual(nothing)
  expect(await rejection(handle.run({ prompt: gate }))).toMatchObject({ code: 'SUPERVISOR_CLOSED' })
})

test('close() ends a run that is not done within shutdownMs, and says that it had started', async () => {
  const { axon, gate, run } = await running({ shutdownMs: 100 })
  const isCancelled = cancelled(gate)
  const outcome = rejection(run)
  await axon.close()
  expect(await outcome).toMatchObject({ code: 'RUN_INTERRUPTED', started: true, agent: 'gate' })
  await isCancelled
})

test('destroy() does not wait: the run in flight is cancelled, its process killed', async () => {
  const { axon, run, pid } = await running({ shutdownMs: 600_000 })
  const outcome = rejection(run)
  const warned = vi.spyOn(console, 'warn')
  await axon.destroy()
  expect(await outcome).toMatchObject({ code: 'RUN_CANCELLED', started: true })
  expect(isAlive(pid)).toBe(false)
  expect(leftBehind(axon)).toEqual(nothing)
  // XState says so where an actor hears of the end of a child after its own.
  expect(warned).not.toHaveBeenCalled()
})

test('destroy() during close() ends the draining at once', async () => {
  const { axon, run, pid } = await running({ shutdownMs: 600_000 })
  const outcome = rejection(run)
  const draining = next(axon, 'agent.draining')
  const closed = axon.close()
  await draining
  await axon.destroy()
  await closed
  expect(await outcome).toMatchObject({ code: 'RUN_CANCELLED', started: true })
  expect(isAlive(pid)).toBe(false)
})

test('close() twice closes once; afterwards everything says that the system is closed', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const events = record(axon)
  const handle = axon.agent('echo')
  await Promise.all([axon.close(), axon.close()])
  await axon.close()
  await axon.destroy()
  for (const type of ['system.closing', 'system.closed', 'process.exited']) {
    expect(events.filter((event) => event.type === type)).toHaveLength(1)
  }
  const closed = expect.objectContaining({ code: 'SUPERVISOR_CLOSED' })
  expect(await rejection(handle.run({ prompt: 'hello' }))).toEqual(closed)
  expect(await rejection(axon.spawn({ name: 'late', ...agent('echo') }))).toEqual(closed)
  expect(await rejection(axon.apply({ agents: {} }))).toEqual(closed)
  expect(await rejection(handle.ready())).toEqual(closed)
})

test('a system that was never started can be closed, and not started afterwards', async () => {
  const axon = newAxon({ agents: { echo: agent('echo') } })
  expect(await rejection(axon.agent('echo').run({ prompt: 'hello' }))).toMatchObject({ code: 'SUPERVISOR_CLOSED' })
  await axon.close()
  expect(await rejection(axon.start())).toMatchObject({ code: 'SUPERVISOR_CLOSED' })
})

test('close() while agents start ends the starting, and start() says so', async () => {
  const gate = join(scratch(), 'gate')
  const axon = newAxon({ agents: { held: agent('held_at_import', { env: { GATE: gate } }) } })
  const started = rejection(axon.start())
  await appears(`${gate}.importing`)
  await axon.close()
  expect(await started).toMatchObject({ code: 'AGENT_STOPPED' })
  expect(leftBehind(axon)).toEqual(nothing)
})

test('leaving an `await using` block closes the system', async () => {
  let left: ReturnType<typeof createAxon>
  {
    await using axon = await createAxon({ cacheDir, agents: { echo: agent('echo') } }).start()
    left = axon
    expect(await axon.agent('echo').run({ prompt: 'hello' })).toMatchObject({ result: { prompt: 'hello' } })
    // Guard, host and agent.
    expect(leftBehind(axon).processes).toHaveLength(3)
  }
  expect(leftBehind(left)).toEqual(nothing)
})

test('systems side by side share nothing: one is destroyed, the other goes on', async () => {
  const one = await newAxon({ agents: { echo: agent('echo') } }).start()
  const two = await newAxon({ agents: { echo: agent('echo') } }).start()
  const pid = two.agent('echo').snapshot()?.pid
  expect(one.id).not.toBe(two.id)
  expect(one.runtimeDir).not.toBe(two.runtimeDir)
  const heard = record(two)
  await one.destroy()
  expect(heard).toEqual([])
  expect(await two.agent('echo').run({ prompt: 'still here?' })).toMatchObject({ result: { pid } })
})
