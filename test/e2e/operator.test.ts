import { once } from 'node:events'
import { existsSync, lstatSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Axon, AxonOptions } from '../../src/index.ts'
import { findSystem, followEvents, readTable } from '../../src/runtime/operator/client.ts'
import { agent, newAxon, next, quickly, scratch } from './axon.ts'

async function watched(options: AxonOptions = {}): Promise<{ axon: Axon; stateDir: string }> {
  const stateDir = scratch()
  const axon = newAxon({ stateDir, operator: true, agents: { echo: agent('echo', { restart: quickly }) }, ...options })
  await axon.start()
  return { axon, stateDir }
}

const socketOf = (axon: Axon) => join(axon.runtimeDir ?? '', 'operator.sock')

async function dial(axon: Axon): Promise<Socket> {
  const socket = connect(socketOf(axon))
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

test('a system is found by its record, and tells its figures to its own user only', async () => {
  const { axon, stateDir } = await watched()
  await axon.agent('echo').run({ prompt: 'hi' })
  const system = findSystem(stateDir)
  expect(system).toMatchObject({ id: axon.id, pid: process.pid })
  const table = await readTable(stateDir, system)
  expect(table).toMatchObject({ system: axon.id, pid: process.pid })
  const { pid = null } = axon.agent('echo').snapshot() ?? {}
  const replica = { replica: 'echo/0', generation: 'echo/0#1', pid, state: 'ready' }
  expect(table?.agents).toMatchObject([{ name: 'echo', runs: 1, errors: 0, queue: 0, replicas: [replica] }])
  const modes = [socketOf(axon), axon.runtimeDir ?? ''].map((path) => lstatSync(path).mode & 0o777)
  expect(modes).toEqual([0o600, 0o700])
})

test('without the option there is no socket', async () => {
  const { axon, stateDir } = await watched({ operator: false })
  expect(existsSync(socketOf(axon))).toBe(false)
  expect(await readTable(stateDir, findSystem(stateDir))).toBeUndefined()
})

test('events are followed by agent and name, over the loss of the host, until the system ends', async () => {
  const { axon, stateDir } = await watched()
  const system = findSystem(stateDir)
  const told: string[] = []
  let following = Promise.withResolvers<void>()
  const ended = (async () => {
    const options = { agent: 'echo', name: 'agent.*', onFollowing: () => following.resolve() }
    for await (const { event } of followEvents(stateDir, system, options)) told.push(event.type)
  })()
  await following.promise
  following = Promise.withResolvers<void>()
  const ready = next(axon, 'agent.ready')
  // Its guard is killed, and with it all it guarded: the sockets go, and come again elsewhere.
  process.kill(system.hosts[0]?.pid as number, 'SIGKILL')
  await Promise.all([ready, following.promise])
  await axon.agent('echo').run({ prompt: 'hi' })
  await axon.close()
  await ended
  expect(told).toContain('agent.stopped')
  expect(told.every((name) => name.startsWith('agent.'))).toBe(true)
})

test('who asks what is no question, or too long a one, is told so and let go', async () => {
  const { axon, stateDir } = await watched()
  for (const question of ['{"type":"system.close"}\n', 'not JSON\n', 'x'.repeat(5_000)]) {
    const socket = await dial(axon)
    socket.write(question)
    const [answer] = await once(socket, 'data')
    expect(JSON.parse(String(answer))).toMatchObject({ type: 'refused' })
    if (!socket.closed) await once(socket, 'close')
  }
  expect(await readTable(stateDir, findSystem(stateDir))).toBeDefined()
})

test('a reader that does not read is let go, and runs and close() do not wait for it', async () => {
  const { axon } = await watched()
  const socket = await dial(axon)
  const questions = 20_000
  socket.pause()
  socket.write('{"type":"snapshot"}\n'.repeat(questions))
  expect((await axon.agent('echo').run({ prompt: 'hi' })).result).toMatchObject({ prompt: 'hi' })
  await axon.close()
  let answers = 0
  socket.on('data', (chunk) => {
    answers += String(chunk).split('\n').length - 1
  })
  socket.resume()
  if (!socket.closed) await once(socket, 'close')
  expect(answers).toBeLessThan(questions)
})

test('where none or several run, the error names those that do', async () => {
  expect(() => findSystem(scratch())).toThrow(expect.objectContaining({ code: 'SYSTEM_UNKNOWN' }))
  const { axon, stateDir } = await watched()
  const other = await newAxon({ stateDir, operator: true, agents: { echo: agent('echo') } }).start()
  expect(() => findSystem(stateDir)).toThrow(other.id)
  expect(findSystem(stateDir, axon.id.slice(0, 8)).id).toBe(axon.id)
})
