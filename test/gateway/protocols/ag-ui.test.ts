/** AG-UI's own client, unmodified, with its verifier of events, against agents behind the gateway. */
import { join } from 'node:path'
import { type AgentSubscriber, type BaseEvent, HttpAgent, type Message } from '@ag-ui/client'
import { beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { AxonOptions } from '../../../src/index.ts'
import { agent, appears, makeEnvironment, next, pydanticAi, record, rejection, scratch } from '../../e2e/axon.ts'
import { open } from '../../e2e/gate.ts'
import { serve, tokens } from '../gateway.ts'

beforeAll(() => makeEnvironment(pydanticAi), 600_000)

// The client prints what it throws.
beforeEach(() => void vi.spyOn(console, 'error').mockImplementation(() => {}))

const withPydanticAi = (module: string, more = {}) => agent(module, { dependencies: pydanticAi, ...more })

async function served(agents: AxonOptions['agents']) {
  const { axon, gateway, post } = await serve({}, agents)
  const client = (name: string, token: string = tokens[0].token) =>
    new HttpAgent({ url: `${gateway.url}/agents/${name}/ag-ui`, headers: { authorization: `Bearer ${token}` } })
  return { axon, gateway, post, client }
}

const user = (content: string): Message => ({ id: `user ${content}`, role: 'user', content })

/** Sends a message, and gives every event of the run. */
async function say(client: HttpAgent, text: string, parameters = {}): Promise<BaseEvent[]> {
  client.addMessage(user(text))
  return await run(client, parameters)
}

async function run(client: HttpAgent, parameters = {}): Promise<BaseEvent[]> {
  const events: BaseEvent[] = []
  const subscriber: AgentSubscriber = { onEvent: ({ event }) => void events.push(event) }
  await client.runAgent(parameters, subscriber)
  return events
}

const typesOf = (events: readonly BaseEvent[]) => events.map(({ type }) => type)

test('a run is a message: its text word by word, its result and its usage', async () => {
  const { client } = await served({ brief: withPydanticAi('remembers') })
  const brief = client('brief')
  const events = await say(brief, 'Hello', { runId: 'mine' })
  const types = typesOf(events)
  expect(types.slice(0, 2)).toEqual(['RUN_STARTED', 'TEXT_MESSAGE_START'])
  expect(types.slice(-2)).toEqual(['TEXT_MESSAGE_END', 'RUN_FINISHED'])
  expect(types.filter((type) => type === 'TEXT_MESSAGE_CONTENT').length).toBeGreaterThan(1)
  const [answer] = brief.messages.slice(-1)
  expect(answer).toMatchObject({ role: 'assistant', content: expect.stringContaining('Hello') })
  expect(events.at(-1)).toMatchObject({
    runId: 'mine',
    threadId: brief.threadId,
    result: answer?.content,
    outcome: { type: 'success' },
    usage: [{ inputTokens: expect.any(Number), outputTokens: expect.any(Number) }],
  })
})

test('a thread is remembered by its messages, tool calls and their results included', async () => {
  const { client } = await served({ brief: withPydanticAi('remembers') })
  const brief = client('brief')
  await say(brief, 'look it up')
  expect(brief.messages).toMatchObject([
    { role: 'user' },
    {
      role: 'assistant',
      content: 'Let me look.',
      toolCalls: [{ id: 'call-1', function: { name: 'look_up', arguments: '{"word":"axon"}' } }],
    },
    { role: 'tool', toolCallId: 'call-1', content: "axon: a nerve's long arm" },
    { role: 'assistant' },
  ])
  const first = brief.messages.at(-1)?.content
  await say(brief, 'And now?')
  expect(JSON.parse(String(brief.messages.at(-1)?.content))).toEqual([
    ['system-prompt', 'You are brief.'],
    ['user-prompt', 'look it up'],
    ['text', 'Let me look.'],
    ['tool-call', '{"word":"axon"}'],
    ['tool-return', "axon: a nerve's long arm"],
    ['text', first],
    ['user-prompt', 'And now?'],
  ])
})

test('thinking is told as reasoning, and calls made at once are of one message', async () => {
  const { client } = await served({ thinks: withPydanticAi('looks_around') })
  const thinks = client('thinks')
  await say(thinks, 'look')
  const [, calls, ...rest] = thinks.messages
  expect(calls).toMatchObject({ role: 'assistant', toolCalls: [{ id: 'call-1' }, { id: 'call-2' }] })
  // They may end in any order.
  expect(rest.slice(0, 2)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ role: 'tool', toolCallId: 'call-1', content: 'near home' }),
      expect.objectContaining({ role: 'tool', toolCallId: 'call-2', content: '{"km":3}' }),
    ]),
  )
  expect(rest.slice(2)).toMatchObject([
    { role: 'reasoning', content: 'Let me think.' },
    { role: 'assistant', content: 'It is far.' },
  ])
  await say(thinks, 'And now?')
  expect(thinks.messages.at(-1)?.content).toBe('It is far.')
})

test('functions are agents too: they have the state, the context and the properties, and tell custom events', async () => {
  const { client } = await served({ says: agent('generator'), echo: agent('echo') })
  const events = await say(client('says'), 'Hi')
  expect(events).toContainEqual(expect.objectContaining({ type: 'CUSTOM', name: 'progress', value: 0.5 }))
  expect(events.at(-1)).toMatchObject({ result: { said: 'Hi' } })
  const echo = client('echo')
  echo.state = { page: 2 }
  const context = [{ description: 'place', value: 'home' }]
  const tools = [{ name: 'alert', description: 'Shows a text.', parameters: {} }]
  const forwardedProps = { metadata: { team: 'a' } }
  expect((await say(echo, 'Hi', { context, tools, forwardedProps })).at(-1)).toMatchObject({
    result: { prompt: 'Hi', metadata: { team: 'a', context, state: { page: 2 } } },
  })
  echo.messages = [
    {
      id: 'a',
      role: 'user',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image', source: { type: 'data', value: 'aGk=', mimeType: 'image/png' } },
        { type: 'document', source: { type: 'url', value: 'https://example.com/a.pdf' } },
      ],
    },
  ]
  expect((await run(echo)).at(-1)).toMatchObject({
    result: {
      prompt: [
        { type: 'text', text: 'What is this?' },
        { type: 'file', media_type: 'image/png', data: 'aGk=' },
        { type: 'file', media_type: 'application/pdf', url: 'https://example.com/a.pdf' },
      ],
    },
  })
})

test.each([
  [{ status: 'resolved', payload: { approved: true } }, 'refunded a'],
  [{ status: 'resolved', payload: { approved: false, message: 'Not today.' } }, 'Not today.'],
  [{ status: 'cancelled' }, 'denied'],
] as const)('an approval interrupts the run, which goes on with the answer %j', async (answer, said) => {
  const { axon, client } = await served({ user: withPydanticAi('tool_user', { env: { WITH_REFUND: '1' } }) })
  const events = record(axon)
  const asking = client('user')
  await say(asking, 'Refund it')
  const [interrupt, ...others] = asking.pendingInterrupts
  expect(others).toEqual([])
  expect(interrupt).toMatchObject({ reason: 'tool_call', expiresAt: expect.any(String) })
  expect(asking.messages.at(-1)).toMatchObject({ role: 'assistant', toolCalls: [{ id: interrupt?.toolCallId }] })
  await run(asking, { resume: [{ interruptId: interrupt?.id, ...answer }] })
  expect(asking.pendingInterrupts).toEqual([])
  expect(asking.messages.slice(-2)).toMatchObject([
    { role: 'tool', toolCallId: interrupt?.toolCallId, content: expect.stringContaining(said) },
    { role: 'assistant', content: expect.stringContaining(said) },
  ])
  expect(events.filter(({ type }) => type === 'run.accepted')).toHaveLength(1)
})

test('code that asks by itself interrupts too, and its answer is a result', async () => {
  const { client } = await served({ tooled: agent('tooled') })
  const asking = client('tooled')
  await say(asking, JSON.stringify({ approve: 'pay', with: { euros: 5 } }))
  const [interrupt] = asking.pendingInterrupts
  await run(asking, { resume: [{ interruptId: interrupt?.id, status: 'resolved', payload: { approved: false } }] })
  expect(asking.messages.slice(1)).toMatchObject([
    { role: 'assistant', toolCalls: [{ function: { name: 'pay', arguments: '{"euros":5}' } }] },
    { role: 'tool', content: '{"approved":false}' },
    { role: 'assistant', content: expect.stringContaining('"approved":false') },
  ])
})

test('agents of other frameworks talk the same way', async () => {
  const dependencies = ['langgraph', 'openai-agents', 'pydantic-ai-slim[spec]']
  await makeEnvironment(dependencies)
  const { client } = await served({ graph: agent('langgraph_adder', { dependencies }) })
  const graph = client('graph')
  await say(graph, 'Add')
  await say(graph, 'Again')
  const round = ['user', 'assistant', 'tool', 'assistant']
  expect(graph.messages.map(({ role }) => role)).toEqual([...round, ...round])
  expect(graph.messages.at(-1)?.content).toBe('It is 3')
}, 600_000)

test('who cancels an interrupt and says something else ends the run that waited', async () => {
  const { axon, client } = await served({ user: withPydanticAi('tool_user', { env: { WITH_REFUND: '1' } }) })
  const asking = client('user')
  await say(asking, 'Refund it')
  const [interrupt] = asking.pendingInterrupts
  const settled = next(axon, 'run.settled')
  await say(asking, 'Never mind', { resume: [{ interruptId: interrupt?.id, status: 'cancelled' }] })
  expect(await settled).toMatchObject({ status: 'cancelled' })
})

test('what is no request is refused, and says why', async () => {
  const { post } = await served({ echo: agent('echo') })
  const ids = { threadId: 't', runId: 'r' }
  const file = { type: 'image', source: { type: 'url', value: 'file:///etc/passwd' } }
  const bodies = [
    {},
    { ...ids, messages: [] },
    { ...ids, messages: [{ id: 'a', role: 'assistant', content: 'Hi' }] },
    { ...ids, messages: [{ id: 'a', role: 'critic', content: 'Hi' }] },
    { ...ids, messages: [{ id: 'a', role: 'user', content: [file] }] },
    { ...ids, messages: [{ id: 'a', role: 'tool', toolCallId: 'x', content: '' }, user('Hi')] },
    { ...ids, messages: [], resume: [{ interruptId: 'a:b', status: 'resolved', payload: 'yes' }] },
  ]
  for (const body of bodies) {
    const response = await post('/agents/echo/ag-ui', body)
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    expect([response.status, error.code]).toEqual([422, 'RUN_REQUEST_INVALID'])
  }
  const resume = [{ interruptId: 'a:b', status: 'resolved', payload: { approved: true } }]
  expect((await post('/agents/echo/ag-ui', { ...ids, messages: [], resume })).status).toBe(404)
})

test('errors before the events have a status, those within them are RUN_ERROR', async () => {
  const { client } = await served({ breaks: agent('generator', { module: 'agents.generator:breaks' }) })
  for (const [name, token, status] of [
    ['nobody', tokens[0].token, 404],
    ['breaks', 'a-token-that-is-wrong', 401],
    ['breaks', tokens[1].token, 403],
    ['breaks', tokens[3].token, 403],
  ] as const)
    expect(await rejection(say(client(name, token), 'Hi'))).toMatchObject({ status, payload: { error: {} } })
  const breaks = client('breaks')
  const failed: unknown[] = []
  breaks.subscribe({ onRunErrorEvent: ({ event }) => void failed.push(event) })
  await say(breaks, 'Hi').catch(() => {})
  expect(failed).toMatchObject([{ code: 'AGENT_RAISED', message: expect.stringContaining('so good') }])
  expect(breaks.messages.at(-1)?.content).toBe('so far ')
})

test('a full queue is 429', async () => {
  const { client } = await served({ gate: agent('gate', { concurrency: 1, queue: 1 }) })
  const gate = join(scratch(), 'gate')
  const first = say(client('gate'), gate)
  await appears(`${gate}.waiting`)
  const second = say(client('gate'), gate)
  expect(await rejection(say(client('gate'), gate))).toMatchObject({ status: 429 })
  await open(gate)
  await Promise.all([first, second])
})

test('a client that aborts its run ends it in Python', async () => {
  const { axon, client } = await served({ gate: agent('gate', { module: 'agents.gate:slow_words' }) })
  const gate = join(scratch(), 'gate')
  const settled = next(axon, 'run.settled')
  const leaving = client('gate')
  const saying = say(leaving, gate).catch(() => {})
  await appears(`${gate}.waiting`)
  leaving.abortRun()
  await saying
  expect(await settled).toMatchObject({ status: 'cancelled', started: true })
  await appears(`${gate}.cancelled`)
})

test('a run that is ended here is finished as cancelled', async () => {
  const { gateway, client } = await served({ gate: agent('gate', { module: 'agents.gate:slow_words' }) })
  const gate = join(scratch(), 'gate')
  const events = say(client('gate'), gate)
  await appears(`${gate}.waiting`)
  await gateway.close()
  expect((await events).at(-1)).toMatchObject({ type: 'RUN_FINISHED', outcome: { type: 'cancelled' } })
  await appears(`${gate}.cancelled`)
})
