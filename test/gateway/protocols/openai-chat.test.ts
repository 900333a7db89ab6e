/** OpenAI's own client for TypeScript, unmodified, against chat completions and models. */
import { join } from 'node:path'
import OpenAI, { type APIError } from 'openai'
import { beforeAll, expect, test } from 'vitest'
import { agent, appears, makeEnvironment, next, pydanticAi, record, rejection, scratch } from '../../e2e/axon.ts'
import { open } from '../../e2e/gate.ts'
import { tokens } from '../gateway.ts'
import { served } from './openai-client.ts'

beforeAll(() => makeEnvironment(pydanticAi), 600_000)

const brief = agent('remembers', { dependencies: pydanticAi })
const user = (content: string) => ({ role: 'user' as const, content })

test('a chat completion is one run: the answer as text, its usage, and why it ended', async () => {
  const { openai } = await served({ brief })
  const answer = await openai.chat.completions.create({ model: 'brief', messages: [user('Hello')] })
  expect(answer).toMatchObject({
    id: expect.stringMatching(/^chatcmpl-/),
    object: 'chat.completion',
    model: 'brief',
    choices: [{ index: 0, message: { role: 'assistant', refusal: null }, finish_reason: 'stop' }],
  })
  expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual([
    ['system-prompt', 'You are brief.'],
    ['user-prompt', 'Hello'],
  ])
  expect(answer.usage?.prompt_tokens).toBeGreaterThan(0)
  expect(answer.usage?.total_tokens).toBe((answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0))
})

test('a stream has the words as they come, then the reason, then the usage where it is asked for', async () => {
  const { openai } = await served({ brief })
  const chunks = []
  const stream = await openai.chat.completions.create({
    model: 'brief',
    messages: [user('Hello')],
    stream: true,
    stream_options: { include_usage: true },
  })
  for await (const chunk of stream) chunks.push(chunk)
  expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant', content: '' })
  const words = chunks.flatMap(({ choices }) => choices[0]?.delta.content || [])
  expect(words.length).toBeGreaterThan(1)
  expect(JSON.parse(words.join(''))).toHaveLength(2)
  expect(chunks.at(-2)?.choices).toMatchObject([{ delta: {}, finish_reason: 'stop' }])
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: expect.any(Number) } })
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
  const helped = openai.chat.completions.stream({ model: 'brief', messages: [user('Hello')] })
  expect(JSON.parse((await helped.finalContent()) ?? '')).toHaveLength(2)
})

test('the messages before the last are what the agent remembers, tools and system prompt included', async () => {
  const { openai } = await served({ brief })
  const { choices } = await openai.chat.completions.create({
    model: 'brief',
    messages: [
      { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }] },
      user('What is an axon?'),
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'look_up', arguments: '{"word":"axon"}' } }],
      },
      { role: 'tool', tool_call_id: 'a', content: 'an arm' },
      { role: 'assistant', content: 'An arm.' },
      { role: 'user', content: [{ type: 'text', text: 'Of what?' }] },
    ],
  })
  expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual([
    ['system-prompt', 'Be kind.'],
    ['user-prompt', 'What is an axon?'],
    ['tool-call', '{"word":"axon"}'],
    ['tool-return', 'an arm'],
    ['text', 'An arm.'],
    ['user-prompt', 'Of what?'],
  ])
})

test('an agent keeps its own system prompt where the client sends none', async () => {
  const { openai } = await served({ brief })
  const messages = [user('One'), { role: 'assistant' as const, content: 'Two' }, user('Three')]
  const { choices } = await openai.chat.completions.create({ model: 'brief', messages })
  expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual([
    ['system-prompt', 'You are brief.'],
    ['user-prompt', 'One'],
    ['text', 'Two'],
    ['user-prompt', 'Three'],
  ])
})

test('tools that the agent calls are its own affair: what it says before and after is the answer', async () => {
  const { openai } = await served({ brief })
  const asked = { model: 'brief', messages: [user('look it up')] }
  const whole = await openai.chat.completions.create(asked)
  expect(whole.choices[0]?.message.tool_calls).toBeUndefined()
  expect(whole.choices[0]?.message.content).toContain("a nerve's long arm")
  const stream = openai.chat.completions.stream(asked)
  const said = await stream.finalContent()
  expect(said).toMatch(/^Let me look\.\n\n\[\[/)
})

test('an agent that is a function gets text, and answers JSON where its result is no text', async () => {
  const { openai } = await served({ echo: agent('echo') })
  const ask = (content: OpenAI.ChatCompletionUserMessageParam['content'], more = {}) =>
    openai.chat.completions.create({ model: 'echo', messages: [{ role: 'user', content }], ...more })
  const first = await ask([{ type: 'text', text: 'Hello' }], { user: 'ada', metadata: { team: 'a' } })
  expect(JSON.parse(first.choices[0]?.message.content ?? '')).toMatchObject({
    prompt: 'Hello',
    metadata: { user: 'ada', team: 'a' },
  })
  const files = await ask([
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } },
    { type: 'image_url', image_url: { url: 'https://example.com/cat.jpg?size=1' } },
    { type: 'input_audio', input_audio: { data: 'aGk=', format: 'mp3' } },
    { type: 'file', file: { file_data: 'data:application/pdf;base64,aGk=', filename: 'a.pdf' } },
  ])
  expect(JSON.parse(files.choices[0]?.message.content ?? '').prompt).toEqual([
    { type: 'text', text: 'What is this?' },
    { type: 'file', media_type: 'image/png', data: 'aGk=' },
    { type: 'file', media_type: 'image/jpeg', url: 'https://example.com/cat.jpg?size=1' },
    { type: 'file', media_type: 'audio/mpeg', data: 'aGk=' },
    { type: 'file', media_type: 'application/pdf', data: 'aGk=' },
  ])
  const stream = await openai.chat.completions.create({ model: 'echo', messages: [user('Hello')], stream: true })
  let text = ''
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
  expect(JSON.parse(text)).toMatchObject({ prompt: 'Hello' })
})

test('models are the agents that the token may use', async () => {
  const { openai, client } = await served({ echo: agent('echo'), words: agent('words') })
  expect((await openai.models.list()).data).toMatchObject([{ id: 'echo', object: 'model' }, { id: 'words' }])
  expect((await client(tokens[1].token).models.list()).data).toMatchObject([{ id: 'echo' }])
  expect(await openai.models.retrieve('words')).toMatchObject({ id: 'words', object: 'model', owned_by: 'axon' })
  expect(await rejection(openai.models.retrieve('nobody'))).toMatchObject({ status: 404, code: 'AGENT_UNKNOWN' })
})

const tool = { type: 'function' as const, function: { name: 'f', parameters: {} } }
const call = { id: 'a', type: 'function' as const, function: { name: 'f', arguments: '{}' } }
const assistant = { role: 'assistant' as const, tool_calls: [call] }

test.each<[string, object, string]>([
  ['tools of the client', { tools: [tool] }, 'tools'],
  ['more than one answer', { n: 2 }, 'n'],
  ['probabilities', { logprobs: true }, 'logprobs'],
  ['audio', { modalities: ['text', 'audio'] }, 'modalities[1]'],
  [
    'a last message that is not of the user',
    { messages: [user('a'), { role: 'assistant', content: 'b' }] },
    'messages',
  ],
  ['no message', { messages: [] }, 'messages'],
  ['a role that there is not', { messages: [{ role: 'critic', content: '' }] }, 'messages[0].role'],
  ['a part that there is not', { messages: [user([{ type: 'video' }] as never)] }, 'messages[0].content[0].type'],
  [
    'an uploaded file',
    { messages: [user([{ type: 'file', file: { file_id: 'f' } }] as never)] },
    'messages[0].content[0].file.file_id',
  ],
  [
    'a file of this machine',
    { messages: [user([{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] as never)] },
    'messages[0].content[0].image_url.url',
  ],
  ['a tool call without an answer', { messages: [user('a'), assistant, user('b')] }, 'messages[2]'],
  [
    'an answer without a tool call',
    { messages: [user('a'), { role: 'tool', tool_call_id: 'x', content: '' }, user('b')] },
    'messages[1].tool_call_id',
  ],
])('%s is refused, and the field is named', async (_, wrong, param) => {
  const { openai } = await served({ echo: agent('echo') })
  const asked = { model: 'echo', messages: [user('Hello')], ...wrong } as never
  const error = (await rejection(openai.chat.completions.create(asked))) as APIError
  expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', code: 'RUN_REQUEST_INVALID', param })
  expect(error.message.length).toBeGreaterThan(20)
})

test('errors are the classes of the client, each with its status', async () => {
  const { client, openai } = await served({ echo: agent('echo'), words: agent('words') })
  const ask = (openai: OpenAI, model: string) =>
    rejection(openai.chat.completions.create({ model, messages: [user('1')] }))
  expect(await ask(openai, 'nobody')).toBeInstanceOf(OpenAI.NotFoundError)
  const wrong = await ask(client('a-token-that-is-wrong'), 'echo')
  expect(wrong).toBeInstanceOf(OpenAI.AuthenticationError)
  expect(wrong).toMatchObject({ type: 'authentication_error', code: 'GATEWAY_UNAUTHORIZED' })
  for (const [token, model] of [
    [tokens[1].token, 'words'],
    [tokens[3].token, 'echo'],
  ] as const) {
    const refused = await ask(client(token), model)
    expect(refused).toBeInstanceOf(OpenAI.PermissionDeniedError)
    expect(refused).toMatchObject({ type: 'permission_error', code: 'GATEWAY_FORBIDDEN' })
  }
})

test('an agent that raises is run once, though the client would try again; in a stream that has begun the error is thrown', async () => {
  const { axon, openai } = await served({ breaks: agent('generator', { module: 'agents.generator:breaks' }) })
  const events = record(axon)
  const asked = { model: 'breaks', messages: [user('')] }
  const error = await rejection(openai.chat.completions.create(asked))
  expect(error).toBeInstanceOf(OpenAI.InternalServerError)
  expect(error).toMatchObject({ status: 500, type: 'server_error', code: 'AGENT_RAISED' })
  expect((error as APIError).message).toContain('so good')
  expect(events.filter(({ type }) => type === 'run.accepted')).toHaveLength(1)
  let text = ''
  const read = async () => {
    for await (const { choices } of await openai.chat.completions.create({ ...asked, stream: true }))
      text += choices[0]?.delta.content ?? ''
  }
  expect(await rejection(read())).toMatchObject({ code: 'AGENT_RAISED', type: 'server_error' })
  expect(text).toBe('so far ')
})

test('a full queue is 429 with the time to come back', async () => {
  const { client } = await served({ gate: agent('gate', { concurrency: 1, queue: 1 }) })
  const openai = client(tokens[0].token, { maxRetries: 0 })
  const gate = join(scratch(), 'gate')
  const ask = (stream: boolean) => openai.chat.completions.create({ model: 'gate', messages: [user(gate)], stream })
  const first = ask(false)
  await appears(`${gate}.waiting`)
  const second = ask(false)
  for (const isStream of [false, true]) {
    const error = (await rejection(ask(isStream))) as APIError
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(0)
    expect(error.headers?.get('x-should-retry')).toBe('true')
  }
  await open(gate)
  await Promise.all([first, second])
})

test.each([false, true])('a client that goes away ends its run in Python; streamed: %s', async (stream) => {
  const { axon, openai } = await served({ gate: agent('gate', { module: 'agents.gate:slow_words' }) })
  const gate = join(scratch(), 'gate')
  const settled = next(axon, 'run.settled')
  const leaving = new AbortController()
  const asked = { model: 'gate', messages: [user(gate)], stream }
  const call = openai.chat.completions.create(asked, { signal: leaving.signal })
  const reading = call.then(async (answer) => {
    if (Symbol.asyncIterator in answer) for await (const _ of answer);
  })
  reading.catch(() => {})
  await appears(`${gate}.waiting`)
  leaving.abort()
  expect(await settled).toMatchObject({ status: 'cancelled', started: true })
  await appears(`${gate}.cancelled`)
})

test('a silent stream stays open, and the client does not see how', async () => {
  const { openai, axon } = await served({ gate: agent('gate', { module: 'agents.gate:slow_words' }) }, { commentMs: 5 })
  const gate = join(scratch(), 'gate')
  const stream = openai.chat.completions.stream({ model: 'gate', messages: [user(gate)] })
  await appears(`${gate}.waiting`)
  await next(axon, 'process.heartbeat')
  await open(gate)
  expect(await stream.finalContent()).toBe('before after')
})

test('one idempotency key is one run, also of two streams', async () => {
  const { axon, openai } = await served({ words: agent('words') })
  const events = record(axon)
  const options = { headers: { 'idempotency-key': 'once' } }
  const ask = (content: string) =>
    openai.chat.completions.create({ model: 'words', messages: [user(content)], stream: true }, options)
  const read = async (content: string) => {
    let text = ''
    for await (const { choices } of await ask(content)) text += choices[0]?.delta.content ?? ''
    return text
  }
  expect(await Promise.all([read('3'), read('3')])).toEqual(['word word word ', 'word word word '])
  expect(events.filter(({ type }) => type === 'run.accepted')).toHaveLength(1)
  expect(await rejection(ask('4'))).toMatchObject({ status: 400, code: 'RUN_KEY_REUSED' })
})
