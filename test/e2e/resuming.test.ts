import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunStreamEvent } from '../../src/index.ts'
import { agent, newAxon, next, quickly, rejection, scratch } from './axon.ts'
import { cancelled, open, waits } from './gate.ts'

async function read(stream: AsyncIterable<RunStreamEvent>, count = Number.POSITIVE_INFINITY) {
  const events: RunStreamEvent[] = []
  for await (const event of stream) if (events.push(event) === count) break
  return events
}

test('a resumable run goes on when its reader leaves; others read it while it lives and after', async () => {
  const axon = await newAxon({ agents: { words: agent('gate:slow_words') } }).start()
  const words = axon.agent('words')
  const gate = join(scratch(), 'gate')
  const isWaiting = waits(gate)
  const stream = words.stream({ prompt: gate }, { resumable: true })
  const seen = await read(stream, 2)
  expect(seen.map(({ event }) => event)).toEqual(['run.started', 'text.delta'])
  await isWaiting
  const living = read(words.resume(stream.id, { after: 2 }))
  await open(gate)
  const rest = await living
  expect(rest).toMatchObject([
    { id: 3, event: 'text.delta', data: { text: 'after' } },
    { id: 4, event: 'run.result', data: { result: 'before after' } },
  ])
  expect(await read(words.resume(stream.id))).toEqual([...seen, ...rest])
  expect(await words.resume(stream.id).text()).toBe('before after')
})

test('a resumable run ends when it is cancelled, in Python too', async () => {
  const axon = await newAxon({ agents: { words: agent('gate:slow_words') } }).start()
  const gate = join(scratch(), 'gate')
  const [isWaiting, isCancelled] = [waits(gate), cancelled(gate)]
  const stream = axon.agent('words').stream({ prompt: gate }, { resumable: true })
  await isWaiting
  const reading = rejection(read(axon.agent('words').resume(stream.id)))
  stream.cancel()
  await isCancelled
  expect(await reading).toMatchObject({ code: 'RUN_CANCELLED', started: true })
})

test('what a run had said when its process died can be read again, and ends with RUN_INTERRUPTED', async () => {
  const axon = await newAxon({ agents: { words: agent('gate:slow_words', { restart: quickly }) } }).start()
  const words = axon.agent('words')
  const gate = join(scratch(), 'gate')
  const isWaiting = waits(gate)
  const stream = words.stream({ prompt: gate }, { resumable: true })
  await isWaiting
  const settled = next(axon, 'run.settled')
  process.kill(words.snapshot()?.pid as number, 'SIGKILL')
  await settled
  const heard: string[] = []
  const reading = (async () => {
    for await (const { event } of words.resume(stream.id)) heard.push(event)
  })()
  expect(await rejection(reading)).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  expect(heard).toEqual(['run.started', 'text.delta'])
})

test('an agent that says more than is kept is not held back by who does not read, who is told of the gap', async () => {
  const axon = await newAxon({ agents: { words: agent('generator:endless') } }).start()
  const words = axon.agent('words')
  const stream = words.stream({ prompt: '' }, { resumable: { events: 50 } })
  const slow = stream[Symbol.asyncIterator]()
  await slow.next()
  // Somebody else reads on meanwhile, as fast as it comes.
  await read(stream, 500)
  expect(await rejection(slow.next())).toMatchObject({ code: 'RUN_EVENTS_LOST', run: stream.id })
  stream.cancel()
})

test('a stream is the body of a Response, by way of a web stream', async () => {
  const axon = await newAxon({ agents: { words: agent('generator') } }).start()
  const lines = new TransformStream<RunStreamEvent, string>({
    transform: ({ id, event, data }, controller) =>
      controller.enqueue(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
  })
  const events = axon.agent('words').stream({ prompt: 'speak' }).toReadableStream()
  const response = new Response(events.pipeThrough(lines).pipeThrough(new TextEncoderStream()))
  const body = await response.text()
  expect(body.match(/^event: .*$/gm)).toEqual([
    'event: run.started',
    'event: text.delta',
    'event: text.delta',
    'event: custom',
    'event: run.result',
  ])
})
