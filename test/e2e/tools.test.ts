import { beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { type AgentOptions, type AgentsOptions, agentTool, type Tool, tool } from '../../src/index.ts'
import { agent, makeEnvironment, newAxon, next, pydanticAi, record, rejection } from './axon.ts'
import { eventsOf } from './events-of.ts'

beforeAll(() => makeEnvironment(pydanticAi))

/** An agent that calls its tools as the prompt says. */
const tooled = (tools: Record<string, Tool>, options: Partial<AgentOptions> = {}) =>
  agent('tooled', { tools, ...options })
const ask = (asked: object) => ({ prompt: JSON.stringify(asked) })
const start = (agents: AgentsOptions) => newAxon({ agents }).start()
const anything = z.object({})

/** A tool that waits until its signal is aborted; `begun` resolves with the signal of the first call. */
function endless(options: { timeoutMs?: number; deaf?: boolean } = {}) {
  const { promise: begun, resolve } = Promise.withResolvers<AbortSignal>()
  const waits = tool({
    description: 'Waits',
    input: anything,
    timeoutMs: options.timeoutMs,
    execute: (_, { signal }) => {
      resolve(signal)
      return new Promise((_, reject) => {
        if (!options.deaf) signal.addEventListener('abort', () => reject(signal.reason))
      })
    },
  })
  return { waits, begun }
}

/** Resolves with why a signal was aborted. */
const aborted = (signal: AbortSignal) =>
  new Promise<{ code: string; message: string }>((resolve) => {
    if (signal.aborted) resolve(signal.reason)
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true })
  })

test('a pydantic-ai agent calls a function of Node, with its events in the stream and in the catalogue', async () => {
  const seen: unknown[] = []
  const lookup = tool({
    description: 'Looks an order up',
    input: z.object({ id: z.string(), limit: z.int().default(3) }),
    execute: ({ id, limit }, { run, id: call }) => {
      seen.push([id, limit, run.agent, run.depth, typeof call])
      return { order: id, open: true }
    },
  })
  const options = { dependencies: pydanticAi, tools: { lookup } }
  const axon = await start({ support: agent('tool_user', options) })
  const told = record(axon)
  const events = await eventsOf(axon.agent('support').stream({ prompt: 'hi' }))
  expect(seen).toEqual([['a', 3, 'support', 0, 'string']])
  expect(events.at(-1)).toMatchObject({ data: { result: '{"lookup":{"order":"a","open":true}}' } })
  const call = events.find(({ event }) => event === 'tool.call')?.data
  expect(call).toMatchObject({ name: 'lookup', arguments: { id: 'a' } })
  const of = told.filter(({ type }) => type.startsWith('tool.'))
  const about = { agent: 'support', generation: 'support/0#1', id: (call as { id: string }).id, tool: 'lookup' }
  expect(of).toMatchObject([
    { type: 'tool.called', ...about },
    { type: 'tool.returned', ...about, durationMs: expect.any(Number) },
  ])
})

test('arguments that the schema refuses are told to the model, and never reach the function', async () => {
  let calls = 0
  const lookup = tool({
    description: 'Looks an order up',
    input: z.object({ id: z.string().refine((id) => id !== 'a', 'there is no order a') }),
    execute: () => {
      calls += 1
    },
  })
  const axon = await start({
    support: agent('tool_user', { dependencies: pydanticAi, tools: { lookup } }),
    direct: tooled({ lookup }),
  })
  // The test model says the same again: its retries are used up.
  expect(await rejection(axon.agent('support').run({ prompt: 'hi' }))).toMatchObject({ code: 'AGENT_RAISED' })
  const { result } = await axon.agent('direct').run(ask({ call: 'lookup', with: { id: 7 } }))
  expect(result).toMatchObject({ code: 'TOOL_ARGUMENTS_INVALID', message: expect.stringContaining('expected string') })
  expect(calls).toBe(0)
})

test('what a function throws is the error of its tool, with its name, and the run goes on', async () => {
  const broken = tool({
    description: 'Fails',
    input: anything,
    execute: () => {
      throw new TypeError('the shop is closed')
    },
  })
  const axon = await start({
    support: agent('tool_user', { dependencies: pydanticAi, tools: { broken } }),
    direct: tooled({ broken }),
  })
  const failed = next(axon, 'tool.failed')
  const events = await eventsOf(axon.agent('support').stream({ prompt: 'hi' }))
  const error = 'broken failed: the shop is closed'
  expect(events.find(({ event }) => event === 'tool.result')?.data).toMatchObject({ error })
  expect((await failed).error).toMatchObject({ code: 'TOOL_RAISED', message: error, cause: { name: 'TypeError' } })
  const { result } = await axon.agent('direct').run(ask({ call: 'broken' }))
  expect(result).toEqual({ code: 'TOOL_RAISED', message: error, kind: 'TypeError' })
})

test('a function that takes longer than its timeoutMs is given up, whether or not it heeds its signal', async () => {
  const { waits, begun } = endless({ timeoutMs: 50, deaf: true })
  const axon = await start({ direct: tooled({ waits }) })
  const { result } = await axon.agent('direct').run(ask({ call: 'waits' }))
  expect(result).toMatchObject({ code: 'TOOL_TIMEOUT' })
  expect((await begun).reason).toMatchObject({ code: 'TOOL_TIMEOUT' })
})

test('the cancellation of a run, and its deadline, abort the signals of its calls', async () => {
  for (const how of ['cancel', 'deadline']) {
    const { waits, begun } = endless()
    const axon = await start({ direct: tooled({ waits }) })
    const controller = new AbortController()
    const options = how === 'cancel' ? { signal: controller.signal } : { runMs: 1_500 }
    const running = rejection(axon.agent('direct').run(ask({ call: 'waits' }), options))
    const signal = await begun
    const failed = next(axon, 'tool.failed')
    controller.abort()
    expect(await aborted(signal)).toMatchObject({ code: 'TOOL_CANCELLED' })
    expect(await running).toMatchObject({ code: how === 'cancel' ? 'RUN_CANCELLED' : 'RUN_TIMEOUT' })
    expect((await failed).error.code).toBe('TOOL_CANCELLED')
  }
})

test('a process that is killed while a function runs aborts its signal, and the run is interrupted', async () => {
  const { waits, begun } = endless()
  const axon = await start({ direct: tooled({ waits }) })
  const running = rejection(axon.agent('direct').run(ask({ call: 'waits' })))
  const signal = await begun
  process.kill(axon.agent('direct').snapshot()?.pid as number, 'SIGKILL')
  expect((await aborted(signal)).code).toBe('TOOL_CANCELLED')
  expect(await running).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
})

test('a result that is too long, too deep or no JSON is an error that says so, and the process lives', async () => {
  const give = (result: unknown) => tool({ description: 'Gives', input: anything, execute: () => result })
  let deep: unknown = []
  for (let level = 0; level < 1_000; level += 1) deep = [deep]
  const circle: Record<string, unknown> = {}
  circle.self = circle
  const tools = { long: give('x'.repeat(1024 * 1024)), deep: give(deep), circle: give(circle), none: give(undefined) }
  const axon = await start({ direct: tooled(tools) })
  const results = await Promise.all(
    Object.keys(tools).map(async (call) => (await axon.agent('direct').run(ask({ call }))).result),
  )
  const invalid = (message: string) => ({ code: 'TOOL_RESULT_INVALID', message: expect.stringContaining(message) })
  expect(results).toMatchObject([invalid('1048576 is the most'), invalid('nested deeper'), invalid('as JSON'), null])
  expect(axon.agent('direct').snapshot()?.generation).toBe('direct/0#1')
})

test('a hundred calls of one run go on at once, and each gets its own result', async () => {
  let most = 0
  let now = 0
  const all = Promise.withResolvers<void>()
  const slow = tool({
    description: 'Waits for the others',
    input: z.object({ number: z.int() }),
    execute: async ({ number }) => {
      now += 1
      most = Math.max(most, now)
      if (now === 100) all.resolve()
      await all.promise
      return number * 2
    },
  })
  const axon = await start({ direct: tooled({ slow }) })
  const { result } = await axon.agent('direct').run(ask({ call: 'slow', times: 100 }))
  expect(most).toBe(100)
  expect(result).toEqual(Array.from({ length: 100 }, (_, number) => number * 2))
})

test('a function calls another agent: its run is a child, at its depth, and ends with the parent', async () => {
  const writer = agentTool('writer', { description: 'Writes a text' })
  const { waits, begun } = endless()
  const axon = await start({ lead: tooled({ writer }), writer: tooled({ waits }) })
  const accepted = next(axon, 'run.accepted', ({ agent }) => agent === 'writer')
  const child = next(axon, 'run.settled', ({ agent }) => agent === 'writer')
  const controller = new AbortController()
  const prompt = JSON.stringify({ call: 'waits' })
  const options = { run: 'the-parent', signal: controller.signal }
  const running = rejection(axon.agent('lead').run(ask({ call: 'writer', with: { prompt } }), options))
  expect(await accepted).toMatchObject({ agent: 'writer', parent: 'the-parent' })
  const signal = await begun
  controller.abort()
  expect(await running).toMatchObject({ code: 'RUN_CANCELLED' })
  expect(await child).toMatchObject({ status: 'cancelled', started: true })
  expect((await aborted(signal)).code).toBe('TOOL_CANCELLED')
})

test('agents that call each other in a circle are stopped at the ninth, with an error that says so', async () => {
  const depths: number[] = []
  const again: Tool = tool({
    description: 'Calls the agent again',
    input: anything,
    execute: async (_, { run, axon }) => {
      depths.push(run.depth)
      return (await axon.agent('circle').run(ask({ call: 'again' }))).result
    },
  })
  const axon = await start({ circle: tooled({ again }) })
  const { result } = await axon.agent('circle').run(ask({ call: 'again' }))
  expect(depths).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  expect(JSON.stringify(result)).toContain('in a circle')
})

test('another function under the same description is taken at once, without another process; another schema calls for one', async () => {
  const gives = (result: string, input: z.ZodObject = anything) =>
    tool({ description: 'Gives', input, execute: () => result })
  const axon = await start({ direct: tooled({ gives: gives('one') }) })
  const result = async () => (await axon.agent('direct').run(ask({ call: 'gives' }))).result
  expect(await result()).toBe('one')
  await axon.apply({ agents: { direct: tooled({ gives: gives('two') }) } })
  expect(await result()).toBe('two')
  expect(axon.agent('direct').snapshot()?.generation).toBe('direct/0#1')
  await axon.apply({ agents: { direct: tooled({ gives: gives('three', z.object({ of: z.string().optional() })) }) } })
  expect(await result()).toBe('three')
  expect(axon.agent('direct').snapshot()?.generation).not.toBe('direct/0#1')
})
