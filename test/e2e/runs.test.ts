import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunRequest } from '../../src/index.ts'
import { agent, newAxon, next, rejection, scratch } from './axon.ts'
import { cancelled, open, waits } from './gate.ts'

test('the deadline of a run cancels it in Python, and the caller is told that it had started', async () => {
  const axon = await newAxon({ agents: { gate: agent('gate') } }).start()
  const gate = join(scratch(), 'gate')
  const isCancelled = cancelled(gate)
  const { code, started, message } = (await rejection(
    axon.agent('gate').run({ prompt: gate }, { runMs: 1_500 }),
  )) as Record<string, unknown>
  expect({ code, started }).toEqual({ code: 'RUN_TIMEOUT', started: true })
  expect(message).toMatch(/deadline|runMs \(1500 ms\)/)
  await isCancelled
})

test('a run that waits longer than its deadline is told that it had not started', async () => {
  const axon = await newAxon({ agents: { gate: agent('gate', { concurrency: 1 }) } }).start()
  const directory = scratch()
  const started = next(axon, 'run.started')
  const first = axon.agent('gate').run({ prompt: join(directory, 'one') })
  await started
  const waiting = axon.agent('gate').run({ prompt: join(directory, 'two') }, { runMs: 100 })
  expect(await rejection(waiting)).toMatchObject({ code: 'RUN_TIMEOUT', started: false })
  expect(axon.agent('gate').snapshot()).toMatchObject({ inFlight: 1, queued: 0 })
  await open(join(directory, 'one'))
  await first
})

test('an AbortSignal cancels a run in Python, and one that waits; an aborted one sends nothing', async () => {
  const axon = await newAxon({ agents: { gate: agent('gate', { concurrency: 1 }) } }).start()
  const handle = axon.agent('gate')
  const directory = scratch()
  const gate = join(directory, 'gate')
  const isCancelled = cancelled(gate)
  const controller = new AbortController()
  const begun = Promise.all([next(axon, 'run.started'), waits(gate)])
  const inFlight = rejection(handle.run({ prompt: gate }, { signal: controller.signal }))
  await begun
  const waiting = rejection(handle.run({ prompt: gate }, { signal: controller.signal }))
  const reason = new Error('nobody wants it any more')
  controller.abort(reason)
  expect(await inFlight).toMatchObject({ code: 'RUN_CANCELLED', started: true, cause: reason })
  expect(await waiting).toMatchObject({ code: 'RUN_CANCELLED', started: false, cause: reason })
  await isCancelled
  const late = handle.run({ prompt: gate }, { signal: controller.signal })
  expect(await rejection(late)).toMatchObject({ code: 'RUN_CANCELLED', started: false })
})

test('what the agent raises comes back with its type, message and traceback', async () => {
  const axon = await newAxon({ agents: { fragile: agent('crash_on_prompt') } }).start()
  expect(await rejection(axon.agent('fragile').run({ prompt: 'raise' }))).toMatchObject({
    name: 'RunError',
    code: 'AGENT_RAISED',
    retryable: false,
    agent: 'fragile',
    started: true,
    attempt: 1,
    kind: 'OutOfTea',
    message: expect.stringContaining('no tea is left'),
    traceback: expect.stringMatching(/crash_on_prompt\.py[\s\S]*raise OutOfTea/),
  })
})

test('concurrency bounds what runs at once, queue what waits; one more is rejected at once with a time to try again', async () => {
  const axon = await newAxon({ agents: { gate: agent('gate', { concurrency: 2, queue: 3 }) } }).start()
  const handle = axon.agent('gate')
  const gate = join(scratch(), 'gate')
  const started: string[] = []
  axon.on('run.started', ({ run }) => started.push(run))
  const second = next(axon, 'run.started', () => started.length === 2)
  const runs = ['1', '2', '3', '4', '5'].map((run) => handle.run({ prompt: gate }, { run }))
  const rejected = handle.run({ prompt: gate }, { run: '6' })
  expect(await rejection(rejected)).toMatchObject({
    code: 'RUN_REJECTED',
    retryable: true,
    agent: 'gate',
    context: { run: '6', retryAfterMs: expect.any(Number) },
  })
  await second
  // Sent in order, on connections of their own: which of the two begins first is the kernel's choice.
  expect(started.toSorted()).toEqual(['1', '2'])
  expect(handle.snapshot()).toMatchObject({ inFlight: 2, queued: 3 })
  await open(gate)
  await Promise.all(runs)
  expect(started.toSorted()).toEqual(['1', '2', '3', '4', '5'])
})

test('a request that is none is refused before anything is sent, and says which field is wrong', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const wrong: [unknown, RegExp][] = [
    [{}, /prompt/],
    [{ prompt: 'hello', promt: 'hello' }, /promt/],
    [{ prompt: [{ type: 'video', url: 'https://example.org' }] }, /prompt/],
    [{ prompt: 'hello', message_history: 'before' }, /message_history/],
    [{ prompt: 'hello', deps: 1n }, /JSON/],
  ]
  for (const [request, message] of wrong) {
    const invalid = { code: 'RUN_REQUEST_INVALID', agent: 'echo', message: expect.stringMatching(message) }
    expect(await rejection(axon.agent('echo').run(request as RunRequest))).toMatchObject(invalid)
    expect(() => axon.agent('echo').stream(request as RunRequest)).toThrow(expect.objectContaining(invalid))
  }
})

test('two runs of one id cannot be under way at once; afterwards the id is free', async () => {
  const axon = await newAxon({ agents: { gate: agent('gate') } }).start()
  const gate = join(scratch(), 'gate')
  const first = axon.agent('gate').run({ prompt: gate }, { run: 'same' })
  expect(await rejection(axon.agent('gate').run({ prompt: gate }, { run: 'same' }))).toMatchObject({
    code: 'RUN_REQUEST_INVALID',
    message: expect.stringContaining('"same"'),
  })
  await open(gate)
  await first
  await axon.agent('gate').run({ prompt: gate }, { run: 'same' })
})

test('deps, metadata and parts of a prompt reach the agent as they were sent', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const request: RunRequest = {
    prompt: [
      { type: 'text', text: 'ünïcode \u2028 "quoted"' },
      { type: 'file', media_type: 'image/png', data: 'aGVsbG8=' },
    ],
    message_history: [],
    deps: { nested: [1, null, { deep: true }] },
    metadata: { trace: 'abc' },
  }
  expect(await axon.agent('echo').run(request)).toMatchObject({
    result: request,
    messages: [],
    usage: { total_tokens: 0 },
  })
})
