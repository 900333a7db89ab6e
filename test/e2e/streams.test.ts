import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { RunStreamEvent } from '../../src/index.ts'
import { agent, makeEnvironment, newAxon, next, pydanticAi, rejection, root, scratch } from './axon.ts'
import { cancelled, open, waits } from './gate.ts'

beforeAll(() => makeEnvironment(pydanticAi))

async function read(stream: AsyncIterable<RunStreamEvent>): Promise<RunStreamEvent[]> {
  const events: RunStreamEvent[] = []
  for await (const event of stream) events.push(event)
  return events
}

test("a generator's words arrive in order, numbered from 1, and the result comes last", async () => {
  const axon = await newAxon({ agents: { words: agent('generator') } }).start()
  const stream = axon.agent('words').stream({ prompt: 'speak' })
  const events = await read(stream)
  expect(events).toEqual([
    { id: 1, event: 'run.started', data: { run_id: stream.id } },
    { id: 2, event: 'text.delta', data: { text: 'Hello, ' } },
    { id: 3, event: 'text.delta', data: { text: 'world' } },
    { id: 4, event: 'custom', data: { name: 'progress', value: 0.5 } },
    {
      id: 5,
      event: 'run.result',
      data: { result: { said: 'speak' }, messages: [], usage: expect.objectContaining({ total_tokens: 3 }) },
    },
  ])
  expect(await stream.result).toEqual(events.at(-1)?.data)
  expect(await rejection(read(stream))).toBeInstanceOf(TypeError)
})

test('a pydantic-ai agent streams its tool calls and text; the words joined are the result', async () => {
  const example = {
    module: 'agents.example_agent',
    model: 'test:model',
    cwd: join(root, 'examples/quickstart'),
    dependencies: pydanticAi,
  }
  const axon = await newAxon({ agents: { example } }).start()
  const events = await read(axon.agent('example').stream({ prompt: 'How is the weather?' }))
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1))
  const kinds = events.map(({ event }) => event)
  expect(kinds[0]).toBe('run.started')
  expect(kinds.indexOf('tool.call')).toBeGreaterThan(0)
  expect(kinds.indexOf('tool.result')).toBeGreaterThan(kinds.indexOf('tool.call'))
  expect(kinds.indexOf('text.delta')).toBeGreaterThan(kinds.indexOf('tool.result'))
  expect(kinds.filter((kind) => kind === 'run.result')).toHaveLength(1)
  const last = events.at(-1)
  if (last?.event !== 'run.result') throw new Error('The last event is no result.')
  const text = events.map((event) => (event.event === 'text.delta' ? event.data.text : '')).join('')
  expect(last.data.result).toBe(text)
  expect(last.data.usage.total_tokens).toBeGreaterThan(0)
})

test('a stream arrives while the agent still runs', async () => {
  const axon = await newAxon({ agents: { words: agent('gate:slow_words') } }).start()
  const gate = join(scratch(), 'gate')
  const heard: RunStreamEvent[] = []
  for await (const event of axon.agent('words').stream({ prompt: gate })) {
    heard.push(event)
    // Nothing else opens it: what has come so far came before the end.
    if (event.event === 'text.delta' && event.data.text === 'before ') await open(gate)
  }
  expect(heard.at(-1)).toMatchObject({ event: 'run.result', data: { result: 'before after' } })
})

test.each<[string, (stop: { controller: AbortController; cancel: () => void }) => boolean]>([
  ['a break out of the loop', () => true],
  [
    'an AbortSignal',
    ({ controller }) => {
      controller.abort()
      return false
    },
  ],
  [
    'stream.cancel()',
    ({ cancel }) => {
      cancel()
      return false
    },
  ],
])('%s cancels the run in Python', async (_, isLeft) => {
  const axon = await newAxon({ agents: { words: agent('gate:slow_words') } }).start()
  const gate = join(scratch(), 'gate')
  const [isWaiting, isCancelled] = [waits(gate), cancelled(gate)]
  const settled = next(axon, 'run.settled')
  const controller = new AbortController()
  const stream = axon.agent('words').stream({ prompt: gate }, { signal: controller.signal })
  try {
    for await (const { event } of stream) {
      if (event !== 'text.delta') continue
      await isWaiting
      if (isLeft({ controller, cancel: () => stream.cancel() })) break
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'RUN_CANCELLED', started: true })
  }
  await isCancelled
  expect(await settled).toMatchObject({ status: 'cancelled', started: true })
  expect(axon.agent('words').snapshot()?.inFlight).toBe(0)
})

test('what the agent raises in the middle of a stream is thrown into the loop, after what it had said', async () => {
  const axon = await newAxon({ agents: { words: agent('generator:breaks') } }).start()
  const heard: string[] = []
  const reading = (async () => {
    for await (const { event } of axon.agent('words').stream({ prompt: '' })) heard.push(event)
  })()
  expect(await rejection(reading)).toMatchObject({ code: 'AGENT_RAISED', kind: 'KeyError', started: true })
  expect(heard).toEqual(['run.started', 'text.delta'])
})

test('stream.result answers also where nobody reads the events', async () => {
  const axon = await newAxon({ agents: { words: agent('generator') } }).start()
  const { result } = await axon.agent('words').stream({ prompt: 'quietly' }).result
  expect(result).toEqual({ said: 'quietly' })
})

test('a reader that is slow holds the agent back instead of filling memory', async () => {
  const axon = await newAxon({ agents: { words: agent('generator:endless') } }).start()
  let heard = 0
  for await (const { id } of axon.agent('words').stream({ prompt: '' })) {
    heard += 1
    expect(id).toBe(heard)
    await new Promise((resolve) => setImmediate(resolve))
    if (heard === 2_000) break
  }
  expect(await axon.agent('words').stream({ prompt: '' })[Symbol.asyncIterator]().next()).toMatchObject({
    value: { event: 'run.started' },
  })
})
