/** Tools written in TypeScript, called by agents of each framework through a supervised process; tools.test.ts has the rest. */
import { beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { type AgentOptions, tool } from '../../src/index.ts'
import { fixtures, makeEnvironment, newAxon, next, rejection } from './axon.ts'
import { eventsOf } from './events-of.ts'

const dependencies = ['langgraph', 'openai-agents', 'pydantic-ai-slim[spec]']

beforeAll(() => makeEnvironment(dependencies), 600_000)

type Execute = (input: { id: string }, context: { signal: AbortSignal }) => unknown

const of = (file: string, options: Partial<AgentOptions> = {}) => ({
  module: `agents/${file}`,
  cwd: fixtures,
  dependencies,
  ...options,
})

const frameworks: [string, AgentOptions, { open: unknown; closed: string }][] = [
  [
    'a LangGraph graph',
    of('langgraph_tooled.py'),
    { open: 'success: {"open": true}', closed: 'error: lookup failed: it is closed' },
  ],
  [
    'an agent of the OpenAI Agents SDK',
    of('openai_tooled.py', { model: 'test' }),
    { open: '{"lookup": "{\\"open\\":true}"}', closed: '{"lookup": "lookup failed: it is closed"}' },
  ],
  [
    'a pydantic-ai agent',
    of('tool_user.py'),
    { open: '{"lookup":{"open":true}}', closed: '{"lookup":"lookup failed: it is closed"}' },
  ],
]

async function start(definition: AgentOptions, execute: Execute, needsApproval = false) {
  const description = 'Looks an order up'
  const lookup = tool({ description, input: z.object({ id: z.string() }), needsApproval, execute })
  return newAxon({ agents: { support: { ...definition, tools: { lookup } } } }).start()
}

test.each(frameworks)(
  '%s calls a tool and answers with its result, or with what it threw',
  async (_, definition, said) => {
    const seen: unknown[] = []
    const axon = await start(definition, ({ id }) => {
      seen.push(id)
      if (seen.length > 1) throw new Error('it is closed')
      return { open: true }
    })
    const events = await eventsOf(axon.agent('support').stream({ prompt: 'hi' }))
    expect(events.map(({ event }) => event)).toEqual(expect.arrayContaining(['tool.call', 'tool.result']))
    expect(events.at(-1)).toMatchObject({ event: 'run.result', data: { result: said.open } })
    expect((await axon.agent('support').run({ prompt: 'hi' })).result).toBe(said.closed)
    expect(seen).toEqual(seen.map(() => 'a'))
    expect(seen.length).toBe(2)
  },
)

test.each(frameworks)(
  '%s waits for the approval of a call, which has the id of the call',
  async (_, definition, said) => {
    const axon = await start(definition, () => ({ open: true }), true)
    const stream = axon.agent('support').stream({ prompt: 'hi' })
    const ids: string[] = []
    let result: unknown
    for await (const event of stream) {
      if (event.event.startsWith('tool.')) ids.push((event.data as { id: string }).id)
      if (event.event === 'tool.approval') axon.runs.approve(stream.id, event.data.id)
      if (event.event === 'run.result') result = event.data.result
    }
    expect(result).toBe(said.open)
    expect(new Set(ids).size).toBe(1)
    expect(ids).toHaveLength(3)
  },
)

test.each(frameworks)('the cancel of a run of %s aborts the signal of its call', async (_, definition) => {
  const begun = Promise.withResolvers<AbortSignal>()
  const axon = await start(definition, (_, { signal }) => {
    begun.resolve(signal)
    return new Promise(() => {})
  })
  const controller = new AbortController()
  const running = rejection(axon.agent('support').run({ prompt: 'hi' }, { signal: controller.signal }))
  const signal = await begun.promise
  const failed = next(axon, 'tool.failed')
  controller.abort()
  expect(await running).toMatchObject({ code: 'RUN_CANCELLED', started: true })
  expect((await failed).error.code).toBe('TOOL_CANCELLED')
  expect(signal.aborted).toBe(true)
})
