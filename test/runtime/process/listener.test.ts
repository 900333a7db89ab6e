import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { SimulatedClock } from 'xstate'
import { type Expected, Listener } from '../../../src/runtime/process/listener.ts'
import { scratch } from '../scratch.ts'

const nonce = 'ab'.repeat(32)
const generation = 'writer/0#1'

async function open() {
  const clock = new SimulatedClock()
  const refusals: string[] = []
  let onRefusal = () => {}
  const listener = await Listener.open(join(scratch(), 'axon.sock'), clock, (reason) => {
    refusals.push(reason)
    onRefusal()
  })
  onTestFinished(() => listener.close())
  const refused = () => new Promise<void>((resolve) => (onRefusal = resolve))
  return { clock, listener, refusals, refused }
}

function dial(listener: Listener): Socket {
  const socket = connect(listener.path)
  socket.on('error', () => {})
  return socket
}

function hello(changes: Record<string, unknown> = {}): string {
  return `${JSON.stringify({ type: 'hello', protocol: 1, generation, pid: 4242, nonce, stream: 'control', ...changes })}\n`
}

/** Lets one process in; resolves with each connection in turn. */
function expectProcess(listener: Listener, changes: Partial<Expected> = {}) {
  const connections: [string, Socket][] = []
  let wake = () => {}
  const unexpect = listener.expect({
    generation,
    nonce,
    onConnection: (stream, socket) => {
      connections.push([stream, socket])
      wake()
    },
    ...changes,
  })
  const connected = async (count: number) => {
    while (connections.length < count) await new Promise<void>((resolve) => (wake = resolve))
    return connections[count - 1] as [string, Socket]
  }
  return { connections, connected, unexpect }
}

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

test('each of the three streams is let in once', async () => {
  const { listener, refusals } = await open()
  const { connections, connected } = expectProcess(listener)
  for (const [at, stream] of ['stdout', 'stderr', 'control'].entries()) {
    dial(listener).write(hello({ stream }))
    await connected(at + 1)
  }
  expect(connections.map(([stream]) => stream)).toEqual(['stdout', 'stderr', 'control'])
  expect(refusals).toEqual([])
})

const lies: [string, string, string][] = [
  ['a wrong nonce', hello({ nonce: 'cd'.repeat(32) }), 'a wrong nonce for writer/0#1'],
  ['the nonce of another generation', hello({ generation: 'writer/0#2' }), 'a wrong nonce for writer/0#2'],
  ['a nonce that is none', hello({ nonce: nonce.toUpperCase() }), 'the first frame is no hello'],
  ['a stream that is none', hello({ stream: 'stdin' }), 'the first frame is no hello'],
  ['another frame', `${JSON.stringify({ type: 'ready' })}\n`, 'the first frame is no hello'],
  ['a request of HTTP', 'GET / HTTP/1.1\r\nauthorization: Bearer secret\r\n\r\n', 'the first frame is no hello'],
  ['an empty line', '\n', 'the first frame is no hello'],
  ['a line that never ends', 'x'.repeat(4096), 'the first frame is no hello'],
]

test.each(lies)('who says %s is closed, is told nothing, and learns nothing', async (_, said, reason) => {
  const { listener, refusals, refused } = await open()
  const { connections } = expectProcess(listener)
  const socket = dial(listener)
  const isRefused = refused()
  socket.write(said)
  await isRefused
  expect(await textOf(socket)).toBe('')
  expect(refusals).toEqual([reason])
  expect(connections).toEqual([])
})

test('a nonce that was used is refused, while its other streams stay open to their owner', async () => {
  const { listener, refusals, refused } = await open()
  const { connected } = expectProcess(listener)
  dial(listener).write(hello())
  await connected(1)
  const isRefused = refused()
  dial(listener).write(hello())
  await isRefused
  expect(refusals).toEqual(['a used nonce for control of writer/0#1'])
  dial(listener).write(hello({ stream: 'stderr' }))
  expect((await connected(2))[0]).toBe('stderr')
})

test('a nonce is worth nothing when its process is gone', async () => {
  const { listener, refusals, refused } = await open()
  const { unexpect, connections } = expectProcess(listener)
  unexpect()
  const isRefused = refused()
  dial(listener).write(hello())
  await isRefused
  expect(refusals).toEqual(['a wrong nonce for writer/0#1'])
  expect(connections).toEqual([])
})

test('an agent that guesses gets nothing, and does not keep others out', async () => {
  const { listener, refusals, refused } = await open()
  const { connected, connections } = expectProcess(listener)
  for (let guess = 0; guess < 50; guess += 1) {
    const isRefused = refused()
    dial(listener).write(hello({ nonce: guess.toString(16).padStart(64, '0') }))
    await isRefused
  }
  expect(refusals).toHaveLength(50)
  expect(connections).toEqual([])
  dial(listener).write(hello())
  expect((await connected(1))[0]).toBe('control')
})

test('a connection that says nothing for 10 s is closed; one that has said hello may be silent', async () => {
  const { clock, listener, refusals, refused } = await open()
  const { connected } = expectProcess(listener)
  dial(listener).write(hello())
  const [, friend] = await connected(1)
  const silent = dial(listener)
  silent.write('{"type":')
  // The listener has accepted it when a later one has been let in.
  dial(listener).write(hello({ stream: 'stdout' }))
  await connected(2)
  clock.increment(9_999)
  expect(refusals).toEqual([])
  const isRefused = refused()
  clock.increment(1)
  await isRefused
  expect(refusals).toEqual(['no hello in time'])
  expect(await textOf(silent)).toBe('')
  expect(friend.destroyed).toBe(false)
})

test('bytes behind the hello are delivered, whatever pieces all of it comes in', async () => {
  const { listener } = await open()
  const rest = '{"type":"started","run":"r-1"}\nżółć 🦊'
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1 }), async (sizes) => {
      const { connected, unexpect } = expectProcess(listener)
      const socket = dial(listener)
      await once(socket, 'connect')
      const all = Buffer.from(hello() + rest)
      for (let at = 0, turn = 0; at < all.length; turn += 1) {
        const size = sizes[turn % sizes.length] as number
        await new Promise((resolve) => socket.write(all.subarray(at, at + size), resolve))
        at += size
      }
      socket.end()
      const [, accepted] = await connected(1)
      expect(await textOf(accepted)).toBe(rest)
      unexpect()
    }),
    { numRuns: 40 },
  )
})

test('a connection that breaks before its hello leaves no timer', async () => {
  const { clock, listener, refusals } = await open()
  const { connected } = expectProcess(listener)
  const broken = dial(listener)
  await once(broken, 'connect')
  broken.destroy()
  dial(listener).write(hello())
  await connected(1)
  clock.increment(10_000)
  expect(refusals).toEqual([])
})

test('close ends every connection, and may be called twice', async () => {
  const { listener } = await open()
  const { connected } = expectProcess(listener)
  const [known, stranger] = [dial(listener), dial(listener)]
  const ends = Promise.all([known, stranger].map((socket) => textOf(socket)))
  known.write(hello())
  await connected(1)
  await listener.close()
  await listener.close()
  expect(await ends).toEqual(['', ''])
})
