import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { agent, newAxon, next, quickly, record, rejection } from './axon.ts'

test('an agent beyond its memory crashes as oom, with the limit in the message, and is started again', async () => {
  const limits = { memoryMb: 128 }
  const axon = await newAxon({ agents: { glutton: agent('glutton', { limits, restart: quickly }) } }).start()
  const glutton = axon.agent('glutton')
  expect(await glutton.run({ prompt: 'memory 16' })).toMatchObject({ result: 16 })
  const crashed = next(axon, 'agent.crashed')
  expect(await rejection(glutton.run({ prompt: 'memory 512' }))).toMatchObject({
    code: 'RUN_INTERRUPTED',
    started: true,
  })
  const { crash } = await crashed
  expect(crash).toMatchObject({ class: 'oom', signal: 'SIGKILL', generation: 'glutton/0#1' })
  expect(crash.error).toMatchObject({ code: 'PROCESS_OUT_OF_MEMORY', retryable: true, agent: 'glutton' })
  expect(crash.error.message).toMatch(/^glutton\/0#1 held more than its 128 MiB.*Raise limits\.memoryMb/)
  expect(await glutton.run({ prompt: 'memory 16' })).toMatchObject({ result: 16 })
  expect(glutton.snapshot()).toMatchObject({ generation: 'glutton/0#2', restarts: 1 })
})

test('an agent without memory limits that is killed by hand has not run out of memory', async () => {
  const axon = await newAxon({ agents: { glutton: agent('glutton', { restart: quickly }) } }).start()
  const crashed = next(axon, 'agent.crashed')
  process.kill(axon.agent('glutton').snapshot()?.pid as number, 'SIGKILL')
  expect((await crashed).crash).toMatchObject({ class: 'signal', error: { code: 'PROCESS_EXITED' } })
})

test('the limit of open files is an OSError of the agent, which goes on serving', async () => {
  const axon = await newAxon({ agents: { glutton: agent('glutton', { limits: { openFiles: 64 } }) } }).start()
  const glutton = axon.agent('glutton')
  const pid = glutton.snapshot()?.pid
  for (let round = 0; round < 3; round += 1) {
    expect(await rejection(glutton.run({ prompt: 'files 100' }))).toMatchObject({
      code: 'AGENT_RAISED',
      kind: 'OSError',
      message: expect.stringContaining('Too many open files'),
    })
  }
  expect(await glutton.run({ prompt: 'files 10' })).toMatchObject({ result: 10 })
  expect(glutton.snapshot()?.pid).toBe(pid)
})

test('a fork bomb stays within its limit, and the other agents answer meanwhile', async () => {
  const agents = {
    bomb: agent('glutton', { limits: { processes: 32 }, restart: quickly }),
    other: agent('echo'),
  }
  const axon = await newAxon({ agents }).start()
  const isHeld = axon.agent('bomb').snapshot()?.limits?.achieved?.processes === 'cgroup'
  const crashed = next(axon, 'agent.crashed')
  const bombed = axon.agent('bomb').run({ prompt: 'processes 200' })
  // Where no cgroup holds it, it is ended.
  const ended = isHeld ? bombed.then(({ result }) => expect(result).toBeLessThan(32)) : rejection(bombed)
  for (let round = 0; round < 20; round += 1) {
    expect(await axon.agent('other').run({ prompt: 'there?' })).toMatchObject({ result: { prompt: 'there?' } })
  }
  await ended
  if (!isHeld) expect((await crashed).crash.error).toMatchObject({ code: 'PROCESS_LIMIT_EXCEEDED' })
})

test('processor time that is used up ends the process, and the message says which limit it was', async () => {
  const agents = { glutton: agent('glutton', { limits: { cpuSeconds: 1 }, restart: quickly }) }
  const axon = await newAxon({ agents }).start()
  const crashed = next(axon, 'agent.crashed')
  expect(await rejection(axon.agent('glutton').run({ prompt: 'time 60' }))).toMatchObject({ code: 'RUN_INTERRUPTED' })
  const { crash } = await crashed
  expect(crash).toMatchObject({ class: 'signal', signal: 'SIGXCPU', error: { code: 'PROCESS_LIMIT_EXCEEDED' } })
  expect(crash.error.message).toMatch(/used its 1 s of processor time and was ended\. Raise limits\.cpuSeconds/)
})

test('the snapshot says what was asked and what holds it, and nothing where no limits are set', async () => {
  const limits = { memoryMb: 256, openFiles: 128, processes: 64, cpuSeconds: 600, nice: 7 }
  const agents = {
    limited: agent('glutton', { limits }),
    free: agent('glutton'),
    cold: agent('echo', { limits, start: 'cold' }),
  }
  const axon = await newAxon({ agents }).start()
  const held = expect.stringMatching(/^(cgroup|watch)$/)
  const achieved = { memoryMb: held, processes: held, openFiles: 'rlimit', cpuSeconds: 'rlimit', nice: 'nice' }
  for (const name of ['limited', 'cold']) {
    expect(axon.agent(name).snapshot()?.limits).toEqual({ ...limits, enforcement: 'best-effort', achieved })
  }
  expect(axon.agent('free').snapshot()?.limits).toBeUndefined()
  const { result } = await axon.agent('limited').run<{ nice: number }>({ prompt: 'nothing' })
  expect(result.nice).toBe(7)
  const stopped = next(axon, 'agent.stopped')
  axon.agent('limited').send({ type: 'agent.stop' })
  await stopped
  expect(axon.agent('limited').snapshot()?.limits).toEqual({
    ...limits,
    enforcement: 'best-effort',
    achieved: undefined,
  })
})

test('what is required and cannot be held fails the agent after three tries, and none of its code runs', async () => {
  // More than the kernel can count, so it refuses; without cgroups it cannot be held either.
  const limits = { processes: 5_000_000, enforcement: 'required' } as const
  const axon = newAxon({ agents: { strict: agent('raises_at_import', { limits, restart: quickly }) } })
  const events = record(axon)
  const failed = next(axon, 'agent.failed')
  expect(await rejection(axon.start())).toMatchObject({
    code: 'PROCESS_LIMITS_UNAVAILABLE',
    retryable: false,
    agent: 'strict',
    message: expect.stringMatching(
      /^strict\/0#3 was not started: limits\.processes cannot be held.*limits\.enforcement/,
    ),
  })
  expect(await failed).toMatchObject({ why: 'hopeless', error: { code: 'PROCESS_LIMITS_UNAVAILABLE' } })
  expect(events.filter(({ type }) => type === 'process.spawned')).toEqual([])
  expect(events.filter(({ type }) => type === 'agent.crashed')).toHaveLength(3)
})

test('no cgroup of a system is left when it is closed', async () => {
  const limits = { memoryMb: 256, processes: 64 }
  const axon = await newAxon({ agents: { glutton: agent('glutton', { limits }) } }).start()
  const isHeld = axon.agent('glutton').snapshot()?.limits?.achieved?.memoryMb === 'cgroup'
  expect(cgroupsOf(axon.id).length > 0).toBe(isHeld)
  const { id } = axon
  await axon.close()
  await vi.waitFor(() => expect(cgroupsOf(id)).toEqual([]), { timeout: 10_000, interval: 5 })
})

/** The cgroups of a system, among those that this process is in or beside. */
function cgroupsOf(system: string): string[] {
  const tops = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
  const below = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .map((line) => line.split(':')[2] ?? '')
  const found = tops.flatMap((line) => below.flatMap((path) => named(join(line.split(' ')[4] as string, path), system)))
  return [...new Set(found)]
}

function named(directory: string, system: string): string[] {
  return [directory, join(directory, '..')].flatMap((parent) =>
    existsSync(parent) ? readdirSync(parent).filter((name) => name.includes(system)) : [],
  )
}
