import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, isAlive, newAxon, next, rejection, quickly as restart, scratch } from './axon.ts'
import { open } from './gate.ts'

test.each([
  ['becomes another program', 'exec', 'SIGTERM'],
  ['shuts it down and holds the interpreter', 'shutdown and hold', 'SIGKILL'],
])(
  'an agent that %s has left its control connection: it is ended at once, judged, and replaced',
  async (_, prompt, signal) => {
    const axon = await newAxon({ agents: { one: agent('leaves_control', { restart }), other: agent('echo') } }).start()
    const one = axon.agent('one')
    const pid = one.snapshot()?.pid as number
    const crashed = next(axon, 'agent.crashed')
    const exited = next(axon, 'process.exited')
    const ready = next(axon, 'agent.ready')
    const started = next(axon, 'run.started')
    const outcome = rejection(one.run({ prompt }))
    await started
    const startedAt = performance.now()
    expect((await exited).exit).toMatchObject({ pid, signal, reason: 'protocol' })
    // Without a heartbeat it would be 30 s.
    expect(performance.now() - startedAt).toBeLessThan(20_000)
    const { crash } = await crashed
    expect(crash).toMatchObject({ class: 'protocol', error: { code: 'PROTOCOL_CONNECTION_CLOSED', retryable: true } })
    expect(crash.error.message).toContain('one/0#1 closed its control connection and lived on')
    expect(await outcome).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
    expect(isAlive(pid)).toBe(false)
    expect((await ready).pid).not.toBe(pid)
    expect(await axon.agent('other').run({ prompt: 'all well?' })).toMatchObject({ result: { prompt: 'all well?' } })
  },
)

test('an agent that shuts its control connection down ends itself and says why; its run is judged, and a new process comes', async () => {
  const axon = await newAxon({ agents: { one: agent('leaves_control', { restart }) } }).start()
  const one = axon.agent('one')
  const pid = one.snapshot()?.pid as number
  const ready = next(axon, 'agent.ready')
  const crashed = next(axon, 'agent.crashed')
  expect(await rejection(one.run({ prompt: 'shutdown' }))).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  expect((await crashed).crash.lastLines.at(-1)).toContain('The control connection to Axon has ended')
  expect(isAlive(pid)).toBe(false)
  expect((await ready).pid).not.toBe(pid)
})

test('an agent that leaves its control connection while it drains is ended, and is stopped all the same', async () => {
  const axon = await newAxon({ agents: { one: agent('leaves_control', { shutdownMs: 600_000 }) } }).start()
  const one = axon.agent('one')
  const pid = one.snapshot()?.pid as number
  const started = next(axon, 'run.started')
  const gate = join(scratch(), 'gate')
  const outcome = rejection(one.run({ prompt: gate }))
  await started
  const exited = next(axon, 'process.exited')
  const stopped = next(axon, 'agent.stopped')
  const draining = next(axon, 'agent.draining')
  one.send({ type: 'agent.stop' })
  await draining
  await open(gate)
  expect((await exited).exit).toMatchObject({ pid, reason: 'protocol' })
  await stopped
  expect(await outcome).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
})
