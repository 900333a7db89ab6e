/** The AI SDK's own chat and transport, unmodified, against agents behind the gateway. */
import { join } from 'node:path'
import {
  type ChatInit,
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  readUIMessageStream,
  type UIMessage,
  type UIMessageChunk,
} from 'ai'
import { beforeAll, expect, test } from 'vitest'
import type { AxonOptions, GatewayOptions } from '../../../src/index.ts'
import { agent, appears, makeEnvironment, next, pydanticAi, record, rejection, scratch } from '../../e2e/axon.ts'
import { open } from '../../e2e/gate.ts'
import { serve, tokens } from '../gateway.ts'
import { Chat } from './chat.ts'

beforeAll(() => makeEnvironment(pydanticAi), 600_000)

const withPydanticAi = (module: string, more = {}) => agent(module, { dependencies: pydanticAi, ...more })

async function served(agents: AxonOptions['agents'], options: GatewayOptions = {}) {
  const { axon, gateway, call, post } = await serve(options, agents)
  const transport = (name: string, { token = tokens[0].token as string, body = {} } = {}) =>
    new DefaultChatTransport<UIMessage>({
      api: `${gateway.url}/agents/${name}/ai-sdk`,
      headers: { authorization: `Bearer ${token}` },
      body,
    })
  const chat = (name: string, init: ChatInit<UIMessage> = {}) => new Chat({ transport: transport(name), ...init })
  const send = (
    name: string,
    text: string,
    { signal, ...more }: { signal?: AbortSignal; token?: string; body?: object } = {},
  ) =>
    transport(name, more).sendMessages({
      trigger: 'submit-message',
      chatId: 'chat',
      messageId: undefined,
      messages: [user(text)],
      abortSignal: signal,
    })
  return { axon, gateway, call, post, chat, send, transport }
}

const user = (text: string): UIMessage => ({ id: `user ${text}`, role: 'user', parts: [{ type: 'text', text }] })

async function chunksOf(stream: ReadableStream<UIMessageChunk>): Promise<UIMessageChunk[]> {
  const chunks: UIMessageChunk[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

const partsOf = ({ messages }: Chat) => messages.at(-1)?.parts
const saidBy = (chat: Chat) =>
  partsOf(chat)
    ?.map((part) => (part.type === 'text' ? part.text : ''))
    .join('')

test('a run is a message: its text word by word, and its usage when it has finished', async () => {
  const { send } = await served({ brief: withPydanticAi('remembers') })
  const stream = await send('brief', 'Hello')
  const chunks = await chunksOf(stream)
  const types = chunks.map(({ type }) => type)
  expect(types.slice(0, 3)).toEqual(['start', 'start-step', 'text-start'])
  expect(types.slice(-3)).toEqual(['text-end', 'finish-step', 'finish'])
  expect(types.filter((type) => type === 'text-delta').length).toBeGreaterThan(1)
  expect(chunks.at(-1)).toMatchObject({
    finishReason: 'stop',
    messageMetadata: { runId: expect.any(String), usage: { inputTokens: expect.any(Number) } },
  })
  const [{ metadata }] = [await lastOf(await send('brief', 'Hello'))] as [UIMessage & { metadata: { usage: Usage } }]
  expect(metadata.usage.totalTokens).toBe(metadata.usage.inputTokens + metadata.usage.outputTokens)
  expect(metadata.usage.outputTokens).toBeGreaterThan(0)
})

interface Usage {
  inputTokens: number
  outputTokens: number
  totalTokens: number
}

async function lastOf(stream: ReadableStream<UIMessageChunk>): Promise<UIMessage> {
  let last: UIMessage | undefined
  for await (const message of readUIMessageStream({ stream })) last = message
  return last as UIMessage
}

test('a chat is remembered by its messages, tool calls and their results included', async () => {
  const { chat } = await served({ brief: withPydanticAi('remembers') })
  const talk = chat('brief')
  await talk.sendMessage({ text: 'look it up' })
  expect(partsOf(talk)).toMatchObject([
    { type: 'step-start' },
    { type: 'text', text: 'Let me look.', state: 'done' },
    { type: 'tool-look_up', state: 'output-available', input: { word: 'axon' }, output: "axon: a nerve's long arm" },
    { type: 'step-start' },
    { type: 'text', state: 'done' },
  ])
  const first = saidBy(talk)?.slice('Let me look.'.length)
  await talk.sendMessage({ text: 'And now?' })
  expect(talk.status).toBe('ready')
  expect(JSON.parse(saidBy(talk) ?? '')).toEqual([
    ['system-prompt', 'You are brief.'],
    ['user-prompt', 'look it up'],
    ['text', 'Let me look.'],
    ['tool-call', expect.stringContaining('axon')],
    ['tool-return', "axon: a nerve's long arm"],
    ['text', first],
    ['user-prompt', 'And now?'],
  ])
  await talk.regenerate()
  expect(JSON.parse(saidBy(talk) ?? '').at(-1)).toEqual(['user-prompt', 'And now?'])
})

test('thinking is told as reasoning, and calls made at once are one step', async () => {
  const { chat } = await served({ thinks: withPydanticAi('looks_around') })
  const talk = chat('thinks')
  await talk.sendMessage({ text: 'look' })
  expect(partsOf(talk)).toMatchObject([
    { type: 'step-start' },
    { type: 'tool-near', state: 'output-available', input: { at: 'home' }, output: 'near home' },
    { type: 'tool-far', state: 'output-available', output: { km: 3 } },
    { type: 'step-start' },
    { type: 'reasoning', text: 'Let me think.', state: 'done' },
    { type: 'text', text: 'It is far.', state: 'done' },
  ])
})

test('functions are agents too: custom events and results are data, and the body may have more for them', async () => {
  const { chat, send } = await served({ says: agent('generator'), echo: agent('echo') })
  const talk = chat('says')
  await talk.sendMessage({ text: 'Hi' })
  expect(partsOf(talk)).toMatchObject([
    { type: 'step-start' },
    { type: 'text', text: 'Hello, world' },
    { type: 'data-progress', data: 0.5 },
    { type: 'data-result', data: { said: 'Hi' } },
  ])
  const { parts } = await lastOf(await send('echo', 'Hi', { body: { metadata: { team: 'a' }, theme: 'dark' } }))
  expect(parts.at(-1)).toMatchObject({ data: { prompt: 'Hi', metadata: { team: 'a' } } })
})

test('files of a message are files of the prompt', async () => {
  const { chat } = await served({ echo: agent('echo') })
  const talk = chat('echo')
  await talk.sendMessage({
    text: 'What is this?',
    files: [
      { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,aGk=' },
      { type: 'file', mediaType: 'image', url: 'https://example.com/cat.jpg' },
    ],
  })
  const [result] = partsOf(talk)?.filter(({ type }) => type === 'data-result') ?? []
  expect(result).toMatchObject({
    data: {
      prompt: [
        { type: 'file', media_type: 'image/png', data: 'aGk=' },
        { type: 'file', media_type: 'image/jpeg', url: 'https://example.com/cat.jpg' },
        { type: 'text', text: 'What is this?' },
      ],
    },
  })
})

test.each([
  [true, { state: 'output-available', output: 'refunded a' }],
  [false, { state: 'output-denied', approval: { reason: 'Not today.' } }],
])('an approval is asked in the chat, which goes on with the answer %s', async (approved, tool) => {
  const { axon, chat } = await served({ user: withPydanticAi('tool_user', { env: { WITH_REFUND: '1' } }) })
  const events = record(axon)
  const { promise: finished, resolve } = Promise.withResolvers<void>()
  const talk = chat('user', {
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    onFinish: ({ finishReason }) => finishReason === 'stop' && resolve(),
  })
  await talk.sendMessage({ text: 'Refund it' })
  expect(talk.status).toBe('ready')
  const { approval } = refundOf(talk)
  await talk.addToolApprovalResponse({ id: approval.id, approved, ...(!approved && { reason: 'Not today.' }) })
  await finished
  expect(talk.messages).toHaveLength(2)
  expect(partsOf(talk)?.find(({ type }) => type === 'tool-refund')).toMatchObject(tool)
  expect(saidBy(talk)).toContain(approved ? 'refunded a' : 'Not today.')
  expect(events.filter(({ type }) => type === 'run.accepted')).toHaveLength(1)
})

/** What waits for an answer in the chat. */
function refundOf(chat: Chat): { approval: { id: string } } {
  const part = partsOf(chat)?.find(({ type }) => type === 'tool-refund')
  expect(part).toMatchObject({ state: 'approval-requested', input: { id: 'a' }, approval: { id: expect.any(String) } })
  return part as unknown as { approval: { id: string } }
}

test('calls that wait at once are asked at once, and go on when all have their answers', async () => {
  const { chat } = await served({ user: withPydanticAi('tool_user', { env: { WITH_REFUND: '2' } }) })
  const { promise: finished, resolve } = Promise.withResolvers<void>()
  const talk = chat('user', {
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    onFinish: ({ finishReason }) => finishReason === 'stop' && resolve(),
  })
  await talk.sendMessage({ text: 'Refund it' })
  const asked = partsOf(talk)?.flatMap((part) => ('approval' in part && part.approval ? [part.approval.id] : [])) ?? []
  expect(asked).toHaveLength(2)
  for (const id of asked) await talk.addToolApprovalResponse({ id, approved: true })
  await finished
  expect(saidBy(talk)).toContain('refunded a')
  expect(saidBy(talk)).toContain('credited a')
})

test('code that asks by itself is asked for in the chat too', async () => {
  const { chat, post } = await served({ tooled: agent('tooled') })
  const talk = chat('tooled')
  await talk.sendMessage({ text: JSON.stringify({ approve: 'pay', with: { euros: 5 } }) })
  const part = partsOf(talk)?.find(({ type }) => type === 'tool-pay')
  expect(part).toMatchObject({ state: 'approval-requested', input: { euros: 5 } })
  const { approval } = part as unknown as { approval: { id: string } }
  await talk.addToolApprovalResponse({ id: approval.id, approved: true })
  const rest = await (await post('/agents/tooled/ai-sdk', { messages: talk.messages })).text()
  expect(rest).toContain('"type":"tool-output-available"')
  expect(rest).toContain('{"approved":true,')
})

test('agents of other frameworks talk the same way', async () => {
  const dependencies = ['langgraph', 'openai-agents', 'pydantic-ai-slim[spec]']
  await makeEnvironment(dependencies)
  const { chat } = await served({
    graph: agent('langgraph_adder', { dependencies }),
    sdk: agent('openai_adder', { dependencies, model: 'test' }),
  })
  const graph = chat('graph')
  await graph.sendMessage({ text: 'Add' })
  expect(partsOf(graph)).toMatchObject([
    { type: 'step-start' },
    { type: 'tool-add', state: 'output-available' },
    { type: 'step-start' },
    { type: 'text', text: 'It is 3' },
  ])
  await graph.sendMessage({ text: 'Again' })
  expect(graph.status).toBe('ready')
  const sdk = chat('sdk')
  await sdk.sendMessage({ text: 'Add' })
  expect(partsOf(sdk)?.[1]).toMatchObject({ type: 'tool-add', state: 'output-available' })
  await sdk.sendMessage({ text: 'Again' })
  expect([sdk.status, partsOf(sdk)?.length]).toEqual(['ready', 4])
}, 600_000)

test('who goes on without answering ends the run that waited', async () => {
  const { axon, chat } = await served({ user: withPydanticAi('tool_user', { env: { WITH_REFUND: '1' } }) })
  const talk = chat('user')
  await talk.sendMessage({ text: 'Refund it' })
  const settled = next(axon, 'run.settled')
  await talk.sendMessage({ text: 'Never mind' })
  expect(await settled).toMatchObject({ status: 'cancelled' })
})

test('a run that nobody has answered in time is ended', async () => {
  const options = { env: { WITH_REFUND: '1' }, approvalMs: 500 }
  const { axon, chat, post } = await served({ user: withPydanticAi('tool_user', options) })
  const settled = next(axon, 'run.settled')
  const talk = chat('user')
  await talk.sendMessage({ text: 'Refund it' })
  const { approval } = refundOf(talk)
  expect(await settled).toMatchObject({ status: 'cancelled' })
  await talk.addToolApprovalResponse({ id: approval.id, approved: true })
  expect((await post('/agents/user/ai-sdk', { messages: talk.messages })).status).toBe(404)
})

test('an approval is its owner’s, and is answered once', async () => {
  const { chat, post } = await served({ user: withPydanticAi('tool_user', { env: { WITH_REFUND: '1' } }) })
  const talk = chat('user')
  await talk.sendMessage({ text: 'Refund it' })
  const { approval } = refundOf(talk)
  await talk.addToolApprovalResponse({ id: approval.id, approved: true })
  const { messages } = talk
  const answer = (token: string) => post('/agents/user/ai-sdk', { messages }, { token })
  expect((await answer(tokens[2].token)).status).toBe(404)
  const first = await answer(tokens[0].token)
  expect([first.status, await first.text()]).toMatchObject([200, expect.stringContaining('refunded a')])
  expect((await answer(tokens[0].token)).status).toBe(404)
})

test('what is no request is refused, and says why', async () => {
  const { post } = await served({ echo: agent('echo') })
  const bodies = [
    {},
    { messages: [] },
    { messages: [{ id: 'a', role: 'assistant', parts: [{ type: 'text', text: 'Hi' }] }] },
    { messages: [{ id: 'a', role: 'user', parts: [] }] },
    { messages: [{ id: 'a', role: 'user', parts: [{ type: 'text' }] }] },
    {
      messages: [
        { id: 'a', role: 'user', parts: [{ type: 'file', mediaType: 'text/plain', url: 'file:///etc/passwd' }] },
      ],
    },
  ]
  for (const body of bodies) {
    const response = await post('/agents/echo/ai-sdk', body)
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    expect([response.status, error.code]).toEqual([422, 'RUN_REQUEST_INVALID'])
    expect(error.message).toMatch(/^(messages|body)/)
  }
})

test('errors before the stream have a status, those within it are thrown by the chat', async () => {
  const { send, chat } = await served({ breaks: agent('generator', { module: 'agents.generator:breaks' }) })
  expect(await rejection(send('nobody', 'Hi'))).toMatchObject({ statusCode: 404 })
  expect(await rejection(send('breaks', 'Hi', { token: 'a-token-that-is-wrong' }))).toMatchObject({ statusCode: 401 })
  expect(await rejection(send('breaks', 'Hi', { token: tokens[1].token }))).toMatchObject({ statusCode: 403 })
  expect(await rejection(send('breaks', 'Hi', { token: tokens[3].token }))).toMatchObject({ statusCode: 403 })
  const talk = chat('breaks')
  await talk.sendMessage({ text: 'Hi' })
  expect(talk.status).toBe('error')
  expect(talk.error?.message).toContain('so good')
  expect(saidBy(talk)).toBe('so far ')
})

test('a full queue is 429', async () => {
  const { send } = await served({ gate: agent('gate', { concurrency: 1, queue: 1 }) })
  const gate = join(scratch(), 'gate')
  const first = send('gate', gate)
  await appears(`${gate}.waiting`)
  const second = send('gate', gate)
  expect(await rejection(send('gate', gate))).toMatchObject({
    statusCode: 429,
    responseBody: expect.stringContaining('RUN_REJECTED'),
  })
  await open(gate)
  for (const stream of [await first, await second]) await chunksOf(stream)
})

test('a chat that is stopped ends its run in Python, and there is nothing to resume', async () => {
  const { axon, chat } = await served({ gate: agent('gate', { module: 'agents.gate:slow_words' }) })
  const gate = join(scratch(), 'gate')
  const settled = next(axon, 'run.settled')
  const talk = chat('gate')
  const sending = talk.sendMessage({ text: gate })
  await appears(`${gate}.waiting`)
  await talk.stop()
  await sending
  expect(await settled).toMatchObject({ status: 'cancelled', started: true })
  await appears(`${gate}.cancelled`)
  await talk.resumeStream()
  expect(talk.status).toBe('ready')
})

test('a run that is ended here is an abort of the chat', async () => {
  const { axon, gateway, send } = await served({ gate: agent('gate', { module: 'agents.gate:slow_words' }) })
  const gate = join(scratch(), 'gate')
  const chunks = chunksOf(await send('gate', gate))
  await appears(`${gate}.waiting`)
  await gateway.close()
  expect((await chunks).at(-1)).toMatchObject({ type: 'abort' })
  await appears(`${gate}.cancelled`)
  expect(axon.agent('gate').snapshot()?.errors).toBeDefined()
})
