import { existsSync, readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createTransport } from '../../../src/runtime/http/transport.ts'
import { definitionOf } from '../../machines/samples.ts'
import { blockUntilDead, died, PortRig } from './port-rig.ts'

/** Hears nothing of runs. */
const deaf = { onStarted: () => {}, onCancelled: () => {}, onSettled: () => {}, onTool() {} }

test('a process is spawned, ready, beats, and its output is told line by line', async () => {
  const rig = new PortRig('works').start()
  const { facts, endpoint } = await rig.until('agent.ready')
  expect(facts.framework).toBe('function')
  expect(endpoint.kind).toBe('unix')
  await rig.until('process.heartbeat')
  expect(await rig.line(/launched/)).toBe(
    'launched with type token agent module model cwd endpoint shutdownMs heartbeatMs',
  )
  await rig.line(/hello from stdout/)
  expect(rig.events.map(({ type }) => type)).toEqual(['process.spawned', 'agent.ready', 'process.heartbeat'])
  expect(rig.resources.live.size).toBe(1)
})

test('a process that is faster than the word of its host is heard, and told what to run, after it', async () => {
  const rig = new PortRig('early', { definition: { preload: ['late'] } }).start()
  await rig.line(/dialed/)
  while (!rig.link.send({ type: 'cancel', run: 'r-1', attempt: 1 })) await new Promise(setImmediate)
  expect(await rig.line(/^heard/)).toBe('heard cancel')
  expect(rig.events).toEqual([])
  process.kill((await rig.fact('host.ready')).pid, 'SIGUSR2')
  await rig.until('agent.ready')
  expect(rig.events.map(({ type }) => type)).toEqual(['process.spawned', 'process.heartbeat', 'agent.ready'])
  expect(await rig.until('process.spawned')).toMatchObject({ achieved: { memoryMb: 'watch' } })
})

test('a process that is told to drain ends by itself, and nothing of it is left', async () => {
  const rig = new PortRig('works').start()
  await rig.until('agent.ready')
  rig.send({ type: 'process.drain' })
  expect(await rig.exit()).toMatchObject({ code: 0, signal: null, reason: undefined })
  expect(rig.resources.live.size).toBe(0)
  expect(rig.resources.links.size).toBe(0)
  expect(rig.clock.pending).toBe(0)
  expect(readdirSync(rig.resources.runtimeDir ?? '')).toEqual(['axon.sock'])
})

test('a process that dies before it was ready leaves its last lines', async () => {
  const exit = await new PortRig('dies').start().exit()
  expect(exit).toMatchObject({ code: 3, signal: null, lastLines: ['Traceback', 'ModuleNotFoundError: agents'] })
})

test('a process that never connects is ended when the machine says so', async () => {
  const rig = new PortRig('silent').start()
  await rig.until('process.spawned')
  rig.terminate(500)
  expect(await rig.exit()).toMatchObject({ code: null, signal: 'SIGTERM', reason: 'stop' })
})

test('a process that ignores the polite signal is killed when the grace is over, not before', async () => {
  const rig = new PortRig('stubborn').start()
  await rig.until('agent.ready')
  rig.terminate(500)
  rig.clock.advance(499)
  // It still talks to us: it was not killed.
  expect(rig.link.send({ type: 'cancel', run: 'r-1', attempt: 1 })).toBe(true)
  expect(rig.count('process.exited')).toBe(0)
  rig.clock.advance(1)
  expect(await rig.exit()).toMatchObject({ code: null, signal: 'SIGKILL', reason: 'stop' })
})

test.each([
  ['garbage', 'is not valid JSON'],
  ['oversize', 'A frame is longer than 1048576 bytes.'],
  ['foreign', 'type'],
  ['twice', 'A process is ready once.'],
  ['elsewhere', 'It serves elsewhere than it was told to.'],
])('a process that says %s on its control connection has violated the protocol', async (behaviour, message) => {
  const rig = new PortRig(behaviour).start()
  expect((await rig.until('process.violated')).message).toContain(message)
  rig.send({ type: 'process.terminate', reason: 'protocol', graceMs: 0 })
  expect((await rig.exit()).reason).toBe('protocol')
  expect(rig.count('process.violated')).toBe(1)
})

test('a process that is ready without the sandbox it was to enter has violated the protocol and serves nobody', async () => {
  const permissions = { read: [], write: [], net: [], env: [], run: [] }
  const rig = new PortRig('works', { definition: { sandbox: 'best-effort', permissions } }).start()
  expect((await rig.until('process.violated')).message).toContain('It has entered no sandbox.')
  expect(rig.count('agent.ready')).toBe(0)
  rig.send({ type: 'process.terminate', reason: 'protocol', graceMs: 0 })
  expect((await rig.exit()).reason).toBe('protocol')
})

test('a process that ends its control connection and lives for another 250 ms has violated the protocol', async () => {
  const rig = new PortRig('closes').start()
  await rig.clock.armed(250)
  rig.clock.advance(249)
  expect(rig.count('process.violated')).toBe(0)
  rig.clock.advance(1)
  expect((await rig.until('process.violated')).message).toContain('writer/0#1 closed its control connection')
  rig.send({ type: 'process.terminate', reason: 'protocol', graceMs: 0 })
  const exit = await rig.exit()
  expect(exit).toMatchObject({ reason: 'protocol', cause: { code: 'PROTOCOL_CONNECTION_CLOSED', agent: 'writer' } })
  expect(rig.count('process.violated')).toBe(1)
  expect(rig.clock.pending).toBe(0)
})

test('a process that has ended is blamed for nothing, however late its host tells of it', async () => {
  const rig = new PortRig('works').start()
  const pid = await rig.pid()
  await rig.until('agent.ready')
  const host = (await rig.fact('host.ready')).pid
  process.kill(host, 'SIGSTOP')
  process.kill(pid, 'SIGKILL')
  await rig.clock.armed(250)
  // The kernel closes connections a little before the end.
  await died(pid)
  rig.clock.advance(10_000)
  process.kill(host, 'SIGCONT')
  expect(await rig.exit()).toMatchObject({ signal: 'SIGKILL', reason: undefined, cause: undefined })
  expect(rig.count('process.violated')).toBe(0)
})

test('a daemon that holds the connections open delays the exit by 250 ms at most, and holds nothing of ours after it', async () => {
  const rig = new PortRig('daemon')
  const daemon = new Promise<number>((resolve) => {
    rig.start().link.listener = { ...deaf, onStarted: (run) => resolve(Number(run)) }
  })
  const pid = await daemon
  try {
    await rig.clock.armed(250)
    rig.clock.advance(249)
    expect(rig.count('process.exited')).toBe(0)
    rig.clock.advance(1)
    expect(await rig.exit()).toMatchObject({ code: 1 })
    expect(rig.resources.live.size).toBe(0)
    // With a stream still open, this would wait for the daemon.
    await rig.resources.close()
  } finally {
    process.kill(pid, 'SIGKILL')
  }
})

test('a child in the group of a dead process is ended at once: the exit waits for nothing', async () => {
  const rig = new PortRig('child').start()
  expect(await rig.exit()).toMatchObject({ code: 1 })
  expect(rig.clock.now()).toBe(0)
})

test('every receipt that was written before a SIGKILL is read before the exit is told', async () => {
  const rig = new PortRig('receipts')
  const receipts: string[] = []
  rig.start().link.listener = { ...deaf, onStarted: (run) => receipts.push(run) }
  const { gone } = rig.link
  const pid = await rig.pid()
  await rig.until('agent.ready')
  blockUntilDead(pid)
  await gone
  expect(receipts).toHaveLength(2_000)
  expect((await rig.exit()).signal).toBe('SIGKILL')
})

test('every receipt is read though Node wrote to the process when it had died', async () => {
  const rig = new PortRig('receipts')
  const receipts: string[] = []
  rig.start().link.listener = { ...deaf, onStarted: (run) => receipts.push(run) }
  const { gone } = rig.link
  const pid = await rig.pid()
  await rig.until('agent.ready')
  blockUntilDead(pid)
  // One at once, and more than one that wait for it.
  for (const run of ['a', 'b', 'c']) rig.link.send({ type: 'revoke', run, attempt: 1 })
  await gone
  expect(receipts).toHaveLength(2_000)
})

test('what a process said is heard even where its exit is seen before its connections', async () => {
  // The event loop stands still from the spawn to the death: all three connections are accepted after it.
  const rig = new PortRig('importFails', {
    onEvent: (event) => event.type === 'process.spawned' && blockUntilDead(event.pid as number),
  }).start()
  const exit = await rig.exit()
  expect(exit.failure?.code).toBe('AGENT_IMPORT_FAILED')
  expect(exit.lastLines).toEqual(['ImportError: no'])
})

test('an interpreter that is not there is PROCESS_SPAWN_FAILED, told as an exit without a process', async () => {
  const rig = new PortRig('works', { python: '/nowhere/bin/python' }).start()
  const exit = await rig.exit()
  expect(exit).toMatchObject({ pid: undefined, code: null, signal: null })
  expect(exit.cause?.code).toBe('PROCESS_SPAWN_FAILED')
  expect(exit.cause?.message).toContain('/nowhere/bin/python')
  expect(rig.resources.links.size).toBe(0)
  expect(rig.count('process.spawned')).toBe(0)
})

test('a process that cannot be asked for is PROCESS_SPAWN_FAILED too, and the host lives on', async () => {
  const rig = new PortRig('works', { definition: { env: { BIG: 'x'.repeat(1024 * 1024) } } }).start()
  expect((await rig.exit()).cause?.message).toContain('environment variables')
  expect(rig.facts.map(({ type }) => type)).not.toContain('host.lost')
})

test.each([
  ['hangs while it preloads', 'hangs', 'not ready within 30000 ms'],
  ['writes what is no frame', 'garbage', 'no frame'],
])('a host that %s is ended, and the process is told as not spawned, with the reason', async (_, behaviour, why) => {
  const rig = new PortRig('works', { definition: { preload: [behaviour] } }).start()
  if (behaviour === 'hangs') {
    await rig.clock.armed(30_000)
    rig.clock.advance(30_000)
  }
  const { cause } = await rig.exit()
  expect(cause).toMatchObject({ code: 'PROCESS_SPAWN_FAILED', message: expect.stringContaining(why) })
  expect(await rig.fact('host.lost')).toMatchObject({ pid: undefined, how: expect.stringContaining(why) })
})

test('limits that cannot be held where they must be have their own error, told as an exit without a process', async () => {
  const limits = { memoryMb: 64, enforcement: 'required' } as const
  const rig = new PortRig('works', { definition: { limits, preload: ['refuses'] } }).start()
  const { cause, pid } = await rig.exit()
  expect(pid).toBeUndefined()
  expect(cause).toMatchObject({ code: 'PROCESS_LIMITS_UNAVAILABLE', retryable: false, agent: 'writer' })
  expect(cause?.message).toBe('writer/0#1 was not started: memoryMb,enforcement cannot be held. Ask for less.')
})

test('a host that ends takes its processes with it, and they are told as lost with it', async () => {
  const rig = new PortRig('works').start()
  const pid = await rig.pid()
  await rig.until('agent.ready')
  process.kill((await rig.fact('host.ready')).pid, 'SIGKILL')
  expect(await rig.exit()).toMatchObject({ reason: 'host_lost', signal: 'SIGKILL' })
  await died(pid)
  expect((await rig.fact('host.lost')).pid).toBe((await rig.fact('host.ready')).pid)
})

test('a port that is let go while the process is being made makes none, and tells nothing', async () => {
  const rig = new PortRig('works').start()
  rig.port.send({ type: 'xstate.stop' } as never)
  await rig.resources.close()
  expect(rig.events).toEqual([])
})

test('a port that is let go in the moment of the spawn kills the process', async () => {
  let pid = 0
  const rig = new PortRig('silent', {
    onEvent: (event) => {
      if (event.type !== 'process.spawned') return
      pid = event.pid as number
      rig.port.send({ type: 'xstate.stop' } as never)
    },
  })
  await new Promise<void>((resolve) => {
    rig.start().link.gone.then(resolve)
  })
  expect(pid).toBeGreaterThan(0)
  await died(pid)
  expect(rig.count('process.exited')).toBe(0)
})

test('a process that is unwanted before it was made is not made', async () => {
  const rig = new PortRig('works').start()
  rig.terminate(500)
  expect(await rig.exit()).toMatchObject({ pid: undefined, code: null, reason: 'stop' })
  expect((await rig.exit()).cause).toBeUndefined()
  expect(rig.count('process.spawned')).toBe(0)
})

test('a system that is closed while its first process is being made makes none', async () => {
  const rig = new PortRig('works').start()
  await rig.resources.close()
  expect((await rig.exit()).cause?.code).toBe('PROCESS_SPAWN_FAILED')
  expect(rig.count('process.spawned')).toBe(0)
  expect(existsSync(rig.resources.runtimeDir ?? '')).toBe(false)
})

test('an answer that was written before the exit reaches a slow reader, though the process is gone', async () => {
  const rig = new PortRig('answers').start()
  const { generation } = rig
  const pid = await rig.pid()
  await rig.until('agent.ready')
  const { httpStream } = createTransport(rig.resources.links)
  const { timeouts } = definitionOf('writer')
  const call = { generation, run: 'r-1', attempt: 1, body: '{}', timeouts, deadlineMs: 1_000 }
  let events = 0
  for await (const { event } of httpStream(call, new AbortController().signal)) {
    if (events === 0) await died(pid)
    events += 1
    if (event === 'run.result') break
  }
  expect(events).toBe(401)
  expect((await rig.exit()).code).toBe(0)
})
