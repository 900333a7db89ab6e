import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/runtime/clock.ts'
import { agent, isAlive, newAxon, next, quickly, record, rejection, scratch, slowly } from './axon.ts'
import { open } from './gate.ts'

test.each([
  ['exit', 'exit', { code: 7, signal: null }],
  ['segv', 'signal', { code: null, signal: 'SIGSEGV' }],
])(
  'a crash by %s during a request interrupts that run, and the next answer comes from a new process',
  async (prompt, kind, how) => {
    const axon = await newAxon({ agents: { fragile: agent('crash_on_prompt', { restart: quickly }) } }).start()
    const fragile = axon.agent('fragile')
    const pid = fragile.snapshot()?.pid
    const crashed = next(axon, 'agent.crashed')
    expect(await rejection(fragile.run({ prompt }))).toMatchObject({
      code: 'RUN_INTERRUPTED',
      started: true,
      attempt: 1,
      agent: 'fragile',
      message: expect.stringContaining("after the agent's code began"),
    })
    const { result } = await fragile.run<{ pid: number }>({ prompt: 'are you well?' })
    expect(result.pid).not.toBe(pid)
    expect((await crashed).crash).toMatchObject({ class: kind, generation: 'fragile/0#1', ...how })
    expect(fragile.snapshot()).toMatchObject({ generation: 'fragile/0#2', restarts: 1, pid: result.pid })
  },
)

test('an exception of the agent is no crash: the run fails, the process stays', async () => {
  const axon = await newAxon({ agents: { fragile: agent('crash_on_prompt') } }).start()
  const fragile = axon.agent('fragile')
  const pid = fragile.snapshot()?.pid
  expect(await rejection(fragile.run({ prompt: 'raise' }))).toMatchObject({ code: 'AGENT_RAISED' })
  expect(await fragile.run({ prompt: 'go on' })).toMatchObject({ result: { pid } })
})

test('a run that is sent while the agent is being restarted is answered by the next process', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { restart: quickly }) } }).start()
  const echo = axon.agent('echo')
  const pid = echo.snapshot()?.pid as number
  const crashed = next(axon, 'agent.crashed')
  process.kill(pid, 'SIGKILL')
  await crashed
  const { result } = await echo.run<{ pid: number }>({ prompt: 'who is there?' })
  expect(result.pid).not.toBe(pid)
})

test('ten runs at once to one agent, and to several, are each answered with their own', async () => {
  const axon = await newAxon({ agents: { one: agent('echo'), two: agent('echo') } }).start()
  const ask = async (name: string, index: number) => {
    const { result } = await axon.agent(name).run<{ prompt: string; pid: number }>({ prompt: `${name} ${index}` })
    expect(result).toMatchObject({ prompt: `${name} ${index}`, pid: axon.agent(name).snapshot()?.pid })
  }
  const indices = Array.from({ length: 10 }, (_, index) => index)
  await Promise.all(indices.map((index) => ask('one', index)))
  await Promise.all(indices.flatMap((index) => [ask('one', index), ask('two', index)]))
})

test('a crash loop goes through backoff to failed; runs are refused there; agent.start brings it back once mended', async () => {
  const broken = join(scratch(), 'broken')
  const restart = { maxRestarts: 3, baseMs: 20, maxMs: 40 }
  const axon = await newAxon({ agents: { shaky: agent('breakable', { env: { BROKEN: broken }, restart }) } }).start()
  const shaky = axon.agent('shaky')
  const events = record(axon)
  const failed = next(axon, 'agent.failed')
  await open(broken)
  process.kill(shaky.snapshot()?.pid as number, 'SIGKILL')
  expect(await failed).toMatchObject({ why: 'intensity', error: { code: 'PROCESS_EXITED' } })

  const delays = events.flatMap((event) => (event.type === 'agent.backoff' ? [event.delayMs] : []))
  expect(delays).toHaveLength(3)
  expect(delays[0]).toBe(0)
  expect(delays[1]).toBeGreaterThanOrEqual(10)
  expect(delays[1]).toBeLessThanOrEqual(20)
  expect(delays[2]).toBeGreaterThanOrEqual(20)
  expect(delays[2]).toBeLessThanOrEqual(40)
  expect(events.filter(({ type }) => type === 'process.spawned')).toHaveLength(3)
  const crashes = events.flatMap((event) => (event.type === 'agent.crashed' ? [event.crash] : []))
  expect(crashes.map(({ code, signal }) => signal ?? code)).toEqual(['SIGKILL', 3, 3, 3])
  expect(crashes.at(-1)?.lastLines).toEqual(['broken on purpose'])

  expect(shaky.snapshot()).toMatchObject({ state: 'failed', pid: undefined })
  expect(await rejection(shaky.run({ prompt: 'hello' }))).toMatchObject({
    code: 'AGENT_FAILED',
    retryable: false,
    context: { code: 'PROCESS_EXITED' },
    message: expect.stringMatching(/broken on purpose.*agent\.start/),
  })
  expect(await rejection(shaky.ready())).toMatchObject({ code: 'PROCESS_EXITED' })

  await rm(broken)
  shaky.send({ type: 'agent.start' })
  await shaky.ready()
  expect(await shaky.run({ prompt: 'hello' })).toMatchObject({ result: { pid: shaky.snapshot()?.pid } })
})

test('runs during a backoff are answered at once with the time to try again, also those that waited', async () => {
  const axon = await newAxon({ agents: { gate: agent('gate', { concurrency: 1, restart: slowly }) } }).start()
  const gate = axon.agent('gate')
  const started = next(axon, 'run.started')
  const inFlight = rejection(gate.run({ prompt: join(scratch(), 'never') }))
  await started
  const waiting = rejection(gate.run({ prompt: join(scratch(), 'never') }))
  process.kill(gate.snapshot()?.pid as number, 'SIGKILL')
  expect(await inFlight).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  const inBackoff = {
    code: 'AGENT_BACKOFF',
    retryable: true,
    context: { retryAfterMs: expect.toSatisfy((ms) => ms > 500_000 && ms <= 600_000) },
  }
  expect(await waiting).toMatchObject(inBackoff)
  expect(gate.snapshot()?.state).toBe('backoff')
  expect(await rejection(gate.run({ prompt: 'now?' }))).toMatchObject(inBackoff)
})

test('agent.stop during a backoff ends the waiting: no timer is left that could start a process', async () => {
  const waits = new Map<unknown, number>()
  const clock = {
    setTimeout: (fn: () => void, ms: number) => {
      const id = setTimeout(fn, ms)
      waits.set(id, ms)
      return id
    },
    clearTimeout: (id: unknown) => {
      clearTimeout(id as NodeJS.Timeout)
      waits.delete(id)
    },
  }
  const axon = await newAxon({ clock, agents: { echo: agent('echo', { restart: slowly }) } }).start()
  const echo = axon.agent('echo')
  const backoff = next(axon, 'agent.backoff')
  process.kill(echo.snapshot()?.pid as number, 'SIGKILL')
  await backoff
  expect([...waits.values()]).toContain(slowly.firstMs)
  const stopped = next(axon, 'agent.stopped')
  echo.send({ type: 'agent.stop' })
  await stopped
  expect([...waits.values()]).not.toContain(slowly.firstMs)
  expect(echo.snapshot()).toMatchObject({ state: 'stopped', pid: undefined })
  expect(await rejection(echo.run({ prompt: 'hello' }))).toMatchObject({ code: 'AGENT_STOPPED' })
})

test('agent.start during a backoff starts at once', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { restart: slowly }) } }).start()
  const echo = axon.agent('echo')
  const pid = echo.snapshot()?.pid as number
  const backoff = next(axon, 'agent.backoff')
  process.kill(pid, 'SIGKILL')
  await backoff
  echo.send({ type: 'agent.start' })
  await echo.ready()
  expect(isAlive(pid)).toBe(false)
  expect(echo.snapshot()?.pid).not.toBe(pid)
})

test('a module that cannot be imported is tried three times, then failed with what is missing', async () => {
  const axon = newAxon({ agents: { hopeless: agent('import_error', { restart: quickly }) } })
  const events = record(axon)
  const failed = next(axon, 'agent.failed')
  expect(await rejection(axon.start())).toMatchObject({
    code: 'AGENT_IMPORT_FAILED',
    message: expect.stringContaining('package_that_is_nowhere'),
  })
  expect(await failed).toMatchObject({ why: 'hopeless' })
  expect(events.filter(({ type }) => type === 'process.spawned')).toHaveLength(3)
  const classes = events.flatMap((event) => (event.type === 'agent.crashed' ? [event.crash.class] : []))
  expect(classes).toEqual(['import', 'import', 'import'])
})

test('a process that is not ready within startMs is ended, and its last lines say where it was', async () => {
  const startMs = 31_337
  // Its time is over when it has said where it is, however slow the machine.
  const said = Promise.withResolvers<void>()
  const clock: Clock = {
    ...systemClock,
    setTimeout: (fn, ms) => (ms === startMs ? void said.promise.then(fn) : systemClock.setTimeout(fn, ms)),
  }
  const asleep = agent('sleeps_at_import', { startMs, restart: { maxRestarts: 0 } })
  const axon = newAxon({ clock, agents: { asleep } })
  axon.on('process.output', ({ line }) => line.includes('counting sheep') && said.resolve())
  const crashed = next(axon, 'agent.crashed')
  expect(await rejection(axon.start())).toMatchObject({ code: 'PROCESS_START_TIMEOUT', retryable: true })
  const { crash } = await crashed
  expect(crash.class).toBe('start_timeout')
  expect(crash.lastLines.join('\n')).toMatch(/counting sheep[\s\S]*sleeps_at_import\.py/)
})

test('SIGKILL in the middle of a stream ends the loop with RUN_INTERRUPTED, never as if all had been said', async () => {
  const axon = await newAxon({ agents: { words: agent('generator:endless', { restart: slowly }) } }).start()
  const words = axon.agent('words')
  const heard: string[] = []
  const reading = (async () => {
    for await (const { event } of words.stream({ prompt: 'go' })) {
      heard.push(event)
      if (heard.length === 4) process.kill(words.snapshot()?.pid as number, 'SIGKILL')
    }
  })()
  expect(await rejection(reading)).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  expect(heard.slice(0, 2)).toEqual(['run.started', 'text.delta'])
  expect(heard).not.toContain('run.result')
})
