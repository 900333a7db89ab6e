import { expect, test } from 'vitest'
import type { RunStreamEvent } from '../../../src/protocol/run.ts'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { EventQueue } from '../../../src/runtime/runs/event-queue.ts'
import { collect } from '../scratch.ts'
import { RunRig, response, settle } from './rig.ts'

const delta = (id: number): RunStreamEvent => ({ id, event: 'text.delta', data: { text: `${id}` } })

/** A rig with a process that is ready, and a stream `a` that gives `count` events. */
function open(count: number) {
  const rig = new RunRig()
  const process = rig.ready()
  let pulled = 0
  rig.streams.set(
    'a',
    (async function* () {
      yield { id: 0, event: 'run.started', data: { run_id: 'a' } } as const
      for (let id = 1; id <= count; id += 1) {
        pulled += 1
        yield delta(id)
      }
    })(),
  )
  const stream = rig.dispatcher.stream('writer', { prompt: 'hi' }, { run: 'a' })
  return { rig, process, stream, pulled: () => pulled }
}

test('the events are read as they arrive, the last is the result', async () => {
  const { rig, stream } = open(3)
  rig.call().succeed()
  const events = await collect(stream)
  expect(events.map(({ event }) => event)).toEqual([
    'run.started',
    'text.delta',
    'text.delta',
    'text.delta',
    'run.result',
  ])
  expect(await stream.result).toBe(response)
  expect(stream.id).toBe('a')
})

test('a reader that is slow holds the process back: 64 events wait, no more are pulled', async () => {
  const { rig, stream, pulled } = open(10_000)
  await settle()
  expect(pulled()).toBe(63)
  const events = stream[Symbol.asyncIterator]()
  for (let count = 0; count < 100; count += 1) await events.next()
  await settle()
  expect(pulled()).toBeLessThan(170)
  await events.return(undefined)
  await settle()
  expect(rig.load.inFlight).toBe(0)
})

test('a loop that is left early cancels the run and tells the process', async () => {
  const { rig, process, stream } = open(10)
  for await (const _ of stream) break
  await expect(stream.result).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
  expect(process.told).toEqual([{ type: 'cancel', run: 'a', attempt: 1, started: true }])
  await settle()
  expect(rig.load.inFlight).toBe(0)
})

test('an error of the run is thrown into the loop, after what had come', async () => {
  const { rig, process, stream } = open(2)
  process.receipt('a')
  const seen: string[] = []
  const loop = (async () => {
    for await (const { event } of stream) seen.push(event)
  })()
  await settle()
  rig.call().fail(new ConnectionLost('gone', { isWritten: true }))
  process.bury()
  await expect(loop).rejects.toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  expect(seen).toEqual(['run.started', 'text.delta', 'text.delta'])
})

test('cancel ends the loop, also one that waits for a slow process', async () => {
  const { stream } = open(0)
  const loop = collect(stream)
  await settle()
  stream.cancel(new Error('enough'))
  await expect(loop).rejects.toMatchObject({ code: 'RUN_CANCELLED', cause: { message: 'enough' } })
})

test('who asks for the result alone gets it: the events are dropped', async () => {
  const { rig, stream } = open(1_000)
  const { result } = stream
  rig.call().succeed()
  expect(await result).toBe(response)
})

test('a stream that nobody reads ends at its deadline, and its error harms nobody', async () => {
  const { rig } = open(1_000)
  await settle()
  rig.clock.advance(60_000)
  await settle()
  expect(rig.told('run.settled')).toMatchObject([{ status: 'timed_out' }])
  expect(rig.load).toEqual({ inFlight: 0, queued: 0 })
  expect(rig.clock.pending).toBe(0)
})

test('a stream is read once', async () => {
  const { rig, stream } = open(1)
  rig.call().succeed()
  await collect(stream)
  await expect(collect(stream)).rejects.toThrow(TypeError)
})

test('a queue that has ended gives what waits, then nothing', async () => {
  const queue = new EventQueue()
  await queue.push(delta(1))
  queue.end()
  expect([await queue.shift(), await queue.shift(), await queue.shift()]).toEqual([delta(1), undefined, undefined])
})

test('a writer that waits for room goes on when the queue ends, and when nobody reads', async () => {
  for (const how of ['end', 'discard'] as const) {
    const queue = new EventQueue()
    let last: Promise<void> | undefined
    for (let id = 0; id < 64; id += 1) last = queue.push(delta(id))
    queue[how]()
    await last
  }
})
