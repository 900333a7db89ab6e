import { expect, test } from 'vitest'
import type { RunRequest, RunResponse } from '../../../src/protocol/run.ts'
import {
  Conversation,
  Conversations,
  type ConversationsOptions,
} from '../../../src/runtime/conversations/conversation.ts'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { RunRig, settle } from '../runs/rig.ts'
import { collect } from '../scratch.ts'

function open(options: ConversationsOptions = {}) {
  const rig = new RunRig()
  const process = rig.ready()
  const shared = new Conversations(options)
  const talk = (id = 'one') => new Conversation('writer', id, shared, () => rig.dispatcher)
  const asked = (at = -1) => JSON.parse(rig.call(at).call.body) as RunRequest
  return { rig, process, talk, asked }
}

const answer = (...messages: unknown[]): RunResponse => ({ result: 'said', messages, usage: { total_tokens: 1 } })
const errorOf = (promise: Promise<unknown>) => promise.catch((error) => error)

test('a run gets the history of those before it, unchanged, and leaves its own', async () => {
  const { rig, talk, asked } = open()
  const first = talk().run({ prompt: 'a' })
  await settle()
  expect(asked()).toEqual({ prompt: 'a' })
  const history = [{ kind: 'request', parts: [{ odd: null, deep: [1, { n: 0.1 }] }] }, { kind: 'response' }]
  rig.call().succeed(answer(...history))
  expect((await first).messages).toEqual(history)
  expect(await talk().messages()).toEqual(history)
  const second = talk().run({ prompt: 'b', metadata: { m: 1 } })
  await settle()
  expect(asked()).toEqual({ prompt: 'b', metadata: { m: 1 }, message_history: history })
  rig.call().succeed(answer(...history, 'more'))
  await second
  expect(await talk().messages()).toEqual([...history, 'more'])
  expect(await talk('another').messages()).toEqual([])
})

test('its runs go one at a time, in the order in which they were asked for; other conversations do not wait', async () => {
  const { rig, talk, asked } = open()
  const runs = ['a', 'b', 'c'].map((prompt) => talk().run({ prompt }))
  const other = talk('other').run({ prompt: 'x' })
  await settle()
  expect(rig.calls.map((_, at) => asked(at).prompt)).toEqual(['a', 'x'])
  rig.call(1).succeed(answer())
  await other
  rig.call(0).succeed(answer('a'))
  await runs[0]
  await settle()
  expect(asked()).toEqual({ prompt: 'b', message_history: ['a'] })
  rig.call().succeed(answer('a', 'b'))
  await settle()
  expect(asked()).toEqual({ prompt: 'c', message_history: ['a', 'b'] })
  rig.call().succeed(answer('a', 'b', 'c'))
  await Promise.all(runs)
})

test('a run that fails or is cancelled leaves the history as it was, and the next one goes on', async () => {
  const { rig, process, talk, asked } = open()
  const controller = new AbortController()
  const runs = [
    talk().run({ prompt: 'a' }),
    errorOf(talk().run({ prompt: 'b' })),
    errorOf(talk().run({ prompt: 'c' }, { signal: controller.signal })),
    talk().run({ prompt: 'd' }),
  ]
  await settle()
  rig.call().succeed(answer('a'))
  await settle()
  rig.call().fail(new TypeError('oops'))
  expect(await runs[1]).toMatchObject({ code: 'INTERNAL_ERROR' })
  await settle()
  process.receipt(rig.call().run)
  controller.abort()
  expect(await runs[2]).toMatchObject({ code: 'RUN_CANCELLED', started: true })
  await settle()
  expect(asked()).toEqual({ prompt: 'd', message_history: ['a'] })
  rig.call().succeed(answer('a', 'd'))
  await runs[3]
})

test('who gives up while he waits is answered at once, and gives up his place', async () => {
  const { rig, talk, asked } = open()
  const controller = new AbortController()
  const first = talk().run({ prompt: 'a' })
  const waiting = errorOf(talk().run({ prompt: 'b' }, { signal: controller.signal }))
  const third = talk().run({ prompt: 'c' })
  await settle()
  controller.abort()
  expect(await waiting).toMatchObject({ code: 'RUN_CANCELLED', started: false })
  expect(await errorOf(talk().run({ prompt: 'late' }, { signal: controller.signal }))).toMatchObject({
    code: 'RUN_CANCELLED',
  })
  expect(rig.calls).toHaveLength(1)
  rig.call().succeed(answer('a'))
  await first
  await settle()
  expect(asked().prompt).toBe('c')
  rig.call().succeed(answer('a', 'c'))
  await third
})

test('a stream appends as a run does; the next one waits for its end, and its end for the saving', async () => {
  const saved: unknown[][] = []
  let release: () => void = () => {}
  const store = {
    load: () => saved.at(-1),
    save: (_: string, messages: readonly unknown[]) => {
      saved.push([...messages])
      return new Promise<void>((resolve) => {
        release = resolve
      })
    },
  }
  const { rig, talk, asked } = open({ store })
  const stream = await talk().stream({ prompt: 'a' })
  const next = talk().stream({ prompt: 'b' })
  let isRead = false
  const reading = collect(stream).then((events) => {
    isRead = true
    return events
  })
  await settle()
  expect(rig.calls).toHaveLength(1)
  rig.call().succeed(answer('a'))
  await settle()
  expect([saved, isRead, rig.calls.length]).toEqual([[['a']], false, 1])
  release()
  expect((await reading).at(-1)).toMatchObject({ event: 'run.result', data: { messages: ['a'] } })
  expect((await stream.result).messages).toEqual(['a'])
  await settle()
  expect(asked()).toEqual({ prompt: 'b', message_history: ['a'] })
  rig.dispatcher.close()
  expect(await errorOf(collect(await next))).toMatchObject({ code: 'RUN_CANCELLED' })
})

test('a stream that is left early passes the turn on, with the history as it was', async () => {
  const { rig, talk, asked } = open()
  rig.streams.set(
    's',
    (async function* () {
      yield { id: 1, event: 'run.started', data: { run_id: 's' } } as const
    })(),
  )
  for await (const _ of await talk().stream({ prompt: 'a' }, { run: 's' })) break
  const next = talk().run({ prompt: 'b' })
  await settle()
  expect(asked()).toEqual({ prompt: 'b' })
  rig.call().succeed(answer('b'))
  await next
})

test('a resumable stream goes on and is saved when its reader has left', async () => {
  const { rig, talk } = open()
  const stream = await talk().stream({ prompt: 'a' }, { run: 's', resumable: true })
  const reader = stream.toReadableStream().getReader()
  await reader.cancel()
  rig.call().succeed(answer('a'))
  expect((await rig.dispatcher.resume('writer', 's').result).messages).toEqual(['a'])
  expect(await talk().messages()).toEqual(['a'])
})

test('a store that fails is told: before the run nothing is sent, after it the answer is in the error', async () => {
  const broken = new Error('disk on fire')
  let isBroken = true
  const store = {
    load: async () => {
      if (isBroken) throw broken
      return []
    },
    save: async () => {
      throw broken
    },
  }
  const { rig, talk } = open({ store })
  const failed = { code: 'CONVERSATION_STORE_FAILED', agent: 'writer', cause: broken }
  expect(await errorOf(talk().run({ prompt: 'a' }))).toMatchObject({ ...failed, context: { started: false } })
  expect(await errorOf(talk().stream({ prompt: 'a' }))).toMatchObject({ ...failed, context: { started: false } })
  expect(await errorOf(talk().messages())).toMatchObject(failed)
  expect(rig.calls).toEqual([])
  isBroken = false
  const run = errorOf(talk().run({ prompt: 'a' }, { run: 'r' }))
  await settle()
  rig.call().succeed(answer('a'))
  const told = { ...failed, name: 'RunError', run: 'r', started: true, context: { response: answer('a') } }
  expect(await run).toMatchObject(told)
  const stream = await talk().stream({ prompt: 'a' }, { run: 'r' })
  const reading = errorOf(collect(stream))
  rig.call().succeed(answer('a'))
  expect(await reading).toMatchObject(told)
  expect(await errorOf(talk().clear())).toMatchObject(failed)
})

test('where too many wait, one more is rejected at once', async () => {
  const { rig, talk } = open({ maxWaiting: 2 })
  const runs = ['a', 'b', 'c'].map((prompt) => errorOf(talk().run({ prompt })))
  await settle()
  expect(await errorOf(talk().run({ prompt: 'd' }))).toMatchObject({ code: 'RUN_REJECTED', retryable: true })
  rig.dispatcher.close()
  expect(await Promise.all(runs)).toMatchObject([
    { code: 'RUN_CANCELLED' },
    { code: 'SUPERVISOR_CLOSED' },
    { code: 'SUPERVISOR_CLOSED' },
  ])
})

test('the store in memory keeps as many as it is told to, those that were used last', async () => {
  const { rig, talk } = open({ maxConversations: 2 })
  const say = async (id: string) => {
    const run = talk(id).run({ prompt: id })
    await settle()
    rig.call().succeed(answer(id))
    await run
  }
  await say('one')
  await say('two')
  await talk('one').messages()
  await say('three')
  const kept = await Promise.all(['one', 'two', 'three'].map((id) => talk(id).messages()))
  expect(kept).toEqual([['one'], [], ['three']])
  await talk('one').clear()
  expect(await talk('one').messages()).toEqual([])
})

test('its runs have its id as their affinity, unless they say otherwise', async () => {
  const { rig, talk } = open()
  const keys: unknown[] = []
  const dispatcher = rig.dispatcher
  const { run } = dispatcher
  dispatcher.run = (agent, request, options) => {
    keys.push(options?.affinity)
    return run.call(dispatcher, agent, request, options)
  }
  for (const options of [{}, { affinity: 'mine' }]) {
    const running = talk('a user').run({ prompt: 'x' }, options)
    await settle()
    rig.call().succeed(answer())
    await running
  }
  expect(keys).toEqual(['a user', 'mine'])
})

test('a request with a history of its own, and an id that is none, are refused', async () => {
  const { rig, talk } = open()
  const invalid = { code: 'RUN_REQUEST_INVALID', agent: 'writer' }
  expect(await errorOf(talk().run({ prompt: 'a', message_history: [] } as never))).toMatchObject(invalid)
  expect(await errorOf(talk().stream({ prompt: 1 } as never))).toMatchObject(invalid)
  for (const id of ['', 'x'.repeat(1_001), 7 as never]) {
    expect(() => talk(id)).toThrow(expect.objectContaining(invalid))
  }
  expect(rig.calls).toEqual([])
  // Neither holds the turn.
  const run = talk().run({ prompt: 'a' })
  await settle()
  rig.call().fail(new ConnectionLost('gone', { isWritten: false }))
  rig.dispatcher.close()
  await errorOf(run)
})

test('a conversation takes no idempotency key: with its history no request is the same twice', async () => {
  const { rig, talk } = open()
  const invalid = { code: 'RUN_REQUEST_INVALID', agent: 'writer', message: expect.stringContaining('idempotencyKey') }
  expect(await errorOf(talk().run({ prompt: 'a' }, { idempotencyKey: 'k' }))).toMatchObject(invalid)
  expect(await errorOf(talk().stream({ prompt: 'a' }, { idempotencyKey: 'k' }))).toMatchObject(invalid)
  expect(rig.calls).toEqual([])
})
