import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { type AgentOptions, AxonError, ProcessError } from '../../src/index.ts'
import { demand, onSmallDisk, smallDisks } from '../faults/needs.ts'
import {
  agent,
  fixtures,
  leftBehind,
  makeEnvironment,
  newAxon,
  processesWith,
  pydanticAi,
  rejection,
  scratch,
} from './axon.ts'
import { badInput, sharedUv } from './bad-input.ts'
import { heldPort } from './ports.ts'

/** Far above what any takes on an idle machine; far below what a person would call hanging. */
const withinMs = 30_000

beforeAll(() => makeEnvironment(pydanticAi))

for (const { what, given, system, type, code, says } of badInput) {
  test(`${what} is refused in seconds, with ${code}, and leaves nothing`, async () => {
    const directory = scratch()
    const options = (await system?.(directory)) ?? {}
    const mark = `AXON_E2E=${randomUUID()}`
    const env = { ...(options.env ?? process.env), AXON_E2E: mark.slice('AXON_E2E='.length) }
    const bad = { restart: { maxRestarts: 0 }, ...(await given()) } as AgentOptions
    const axon = newAxon({ ...options, env, agents: { bad } })
    const startedAt = performance.now()
    const error = (await rejection(axon.start())) as AxonError
    expect(performance.now() - startedAt).toBeLessThan(withinMs)
    expect(error).toBeInstanceOf(type)
    expect(error).toMatchObject({ name: type.name, code, agent: 'bad' })
    for (const words of says) expect(error.message).toMatch(words)
    expect(leftBehind(axon)).toEqual({ processes: [], directories: [] })
    expect(processesWith(mark)).toEqual([])
    const environments = join(directory, 'environments')
    expect(existsSync(environments) ? readdirSync(environments, { recursive: true }) : []).toEqual([])
  })
}

test('a port in use is refused in seconds, with PORT_IN_USE, and leaves nothing', async () => {
  const { port, server } = await heldPort()
  const axon = newAxon({ agents: { bad: agent('echo', { port, restart: { maxRestarts: 0 } }) } })
  const error = await rejection(axon.start())
  server.close()
  expect(error).toBeInstanceOf(ProcessError)
  expect(error).toMatchObject({
    code: 'PORT_IN_USE',
    agent: 'bad',
    message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port} is in use.*choose another port`)),
  })
})

test('an unknown agent is refused with the names of those that are known', async () => {
  const axon = await newAxon({ agents: { support: agent('echo'), sales: agent('echo') } }).start()
  const unknown = { code: 'AGENT_UNKNOWN', agent: 'suport', message: expect.stringMatching(/"suport".*support, sales/) }
  expect(() => axon.agent('suport')).toThrow(expect.objectContaining(unknown))
  expect(await rejection(axon.retire('suport'))).toMatchObject(unknown)
})

test('a configuration is refused before anything runs, and every field that is wrong is named', () => {
  const wrong = {
    'Not A Name': agent('echo'),
    bad: {
      module: 'not a module',
      port: 70_000,
      concurrency: 0,
      startMs: -1,
      restart: { maxRestart: 3 },
      timeouts: { runMs: 'soon' },
      colour: 'blue',
    },
  } as unknown as Record<string, AgentOptions>
  const create = () => newAxon({ agents: wrong })
  expect(create).toThrow(AxonError)
  for (const field of [
    'Not A Name',
    'bad.module',
    'bad.port',
    'bad.concurrency',
    'bad.startMs',
    'bad.timeouts.runMs',
  ]) {
    expect(create).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(field) }))
  }
  for (const words of [/maxRestart\b/, /colour/, /package\.module/]) {
    expect(create).toThrow(expect.objectContaining({ message: expect.stringMatching(words) }))
  }
  const nowhere = () => newAxon({ agents: { bad: { ...agent('echo'), cwd: '/no/such/directory' } } })
  expect(nowhere).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('/no/such/') }),
  )
})

test('a full disk is refused in seconds, with ENV_DISK_FULL, and leaves no half-made environment', async (context) => {
  demand(context, smallDisks)
  const disk = scratch()
  const program = [process.execPath, join(fixtures, 'full-disk.ts'), disk, sharedUv().uv ?? '']
  const stdout = await onSmallDisk(context, disk, '8m', program)
  const { error, elapsedMs, environments } = JSON.parse(stdout)
  expect(error).toMatchObject({
    name: 'PythonEnvError',
    code: 'ENV_DISK_FULL',
    agent: 'echo',
    retryable: true,
    message: expect.stringMatching(/disk is full.*Free some space/),
  })
  expect(elapsedMs).toBeLessThan(withinMs)
  expect(environments).toEqual([])
})
