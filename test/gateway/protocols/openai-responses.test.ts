/** OpenAI's own client for TypeScript, unmodified, against responses. */
import { join } from 'node:path'
import OpenAI, { type APIError } from 'openai'
import { beforeAll, expect, test } from 'vitest'
import { agent, appears, makeEnvironment, next, pydanticAi, record, rejection, scratch } from '../../e2e/axon.ts'
import { tokens } from '../gateway.ts'
import { served } from './openai-client.ts'

beforeAll(() => makeEnvironment(pydanticAi), 600_000)

const brief = agent('remembers', { dependencies: pydanticAi })
const thinks = agent('thinks', { dependencies: pydanticAi })

test('a response is one run: the answer as a message, its usage, and whether it is complete', async () => {
  const { openai } = await served({ brief, thinks })
  const asked = { model: 'brief', input: 'Hello', instructions: 'Be kind.', metadata: { team: 'a' } }
  const response = await openai.responses.create(asked)
  expect(response).toMatchObject({
    id: expect.stringMatching(/^resp_/),
    object: 'response',
    status: 'completed',
    error: null,
    model: 'brief',
    instructions: 'Be kind.',
    metadata: { team: 'a' },
    output: [{ type: 'message', role: 'assistant', status: 'completed' }],
  })
  expect(JSON.parse(response.output_text)).toEqual([
    ['system-prompt', 'Be kind.'],
    ['user-prompt', 'Hello'],
  ])
  expect(response.usage?.total_tokens).toBeGreaterThan(0)
  expect(await openai.responses.create({ model: 'thinks', input: 'much' })).toMatchObject({
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    output_text: 'It is so.',
  })
})

test('a stream has typed events in the order of their items, and the response as they add up to', async () => {
  const { openai } = await served({ thinks })
  const stream = openai.responses.stream({ model: 'thinks', input: 'Hello' })
  const events = []
  for await (const event of stream) events.push(event)
  expect(events.map(({ type }) => type)).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.reasoning_summary_part.added',
    'response.reasoning_summary_text.delta',
    'response.reasoning_summary_text.delta',
    'response.reasoning_summary_text.done',
    'response.reasoning_summary_part.done',
    'response.output_item.done',
    'response.output_item.added',
    'response.content_part.added',
    'response.output_text.delta',
    'response.output_text.delta',
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.completed',
  ])
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at))
  expect(await stream.finalResponse()).toMatchObject({
    status: 'completed',
    output_text: 'It is so.',
    output: [
      { type: 'reasoning', summary: [{ text: 'Hm.' }] },
      { type: 'message', content: [{ text: 'It is so.' }] },
    ],
  })
})

test('what an agent says before and after a tool call are two messages; a result without words is one', async () => {
  const { openai } = await served({ brief, echo: agent('echo') })
  const tooled = await openai.responses.stream({ model: 'brief', input: 'look it up' }).finalResponse()
  expect(tooled.output).toMatchObject([
    { type: 'message', content: [{ text: 'Let me look.' }] },
    { type: 'message', content: [{ text: expect.stringContaining("a nerve's long arm") }] },
  ])
  const echoed = await openai.responses.stream({ model: 'echo', input: 'Hello' }).finalResponse()
  expect(JSON.parse(echoed.output_text)).toMatchObject({ prompt: 'Hello' })
})

test('a request goes on from any earlier response, streamed or not, but not from its instructions', async () => {
  const { openai } = await served({ brief })
  const create = async (input: string, more = {}) => openai.responses.create({ model: 'brief', input, ...more })
  const first = await create('One', { instructions: 'Be kind.' })
  const shown = ({ output_text }: { output_text: string }): [string, string][] => JSON.parse(output_text)
  const second = await openai.responses
    .stream({ model: 'brief', input: 'Two', previous_response_id: first.id })
    .finalResponse()
  expect(second.previous_response_id).toBe(first.id)
  expect(shown(second)).toEqual([
    ['system-prompt', 'You are brief.'],
    ['user-prompt', 'One'],
    ['text', first.output_text],
    ['user-prompt', 'Two'],
  ])
  const third = await create('Three', { previous_response_id: second.id, instructions: 'Be short.' })
  expect(shown(third).map(([kind]) => kind)).toContain('system-prompt')
  expect(shown(third).filter(([kind]) => kind === 'user-prompt')).toEqual([
    ['user-prompt', 'One'],
    ['user-prompt', 'Two'],
    ['user-prompt', 'Three'],
  ])
  expect(shown(third)[0]).toEqual(['system-prompt', 'Be short.'])
  const fork = await create('Other', { previous_response_id: first.id })
  expect(shown(fork).filter(([kind]) => kind === 'user-prompt')).toHaveLength(2)
})

test('an agent that keeps no messages is remembered by what it was asked and has said', async () => {
  const { openai } = await served({ echo: agent('echo') })
  const first = await openai.responses.create({ model: 'echo', input: 'One' })
  const second = await openai.responses.create({ model: 'echo', input: 'Two', previous_response_id: first.id })
  expect(JSON.parse(second.output_text)).toMatchObject({
    prompt: 'Two',
    message_history: [
      { kind: 'request', parts: [{ part_kind: 'user-prompt', content: 'One' }] },
      { kind: 'response', parts: [{ part_kind: 'text', content: first.output_text }] },
    ],
  })
})

test('nobody goes on from a response of another caller or agent, or from one that was not stored', async () => {
  const { openai, client } = await served({ echo: agent('echo'), other: agent('echo') })
  const create = (openai: OpenAI, more: object) => openai.responses.create({ model: 'echo', input: 'Hello', ...more })
  const { id } = await create(openai, {})
  const { id: unkept } = await create(openai, { store: false })
  for (const error of await Promise.all([
    rejection(create(client(tokens[2].token), { previous_response_id: id })),
    rejection(create(openai, { previous_response_id: id, model: 'other' })),
    rejection(create(openai, { previous_response_id: unkept })),
    rejection(create(openai, { previous_response_id: '../echo' })),
  ])) {
    expect(error).toBeInstanceOf(OpenAI.BadRequestError)
    expect(error).toMatchObject({ param: 'previous_response_id' })
  }
})

test('responses are kept in so much memory, or in a store of the application', async () => {
  const small = await served({ echo: agent('echo') }, { maxResponseBytes: 1_000 })
  const ask = (openai: OpenAI, input: string, previous_response_id?: string) =>
    openai.responses.create({ model: 'echo', input, ...(previous_response_id && { previous_response_id }) })
  const first = await ask(small.openai, 'One')
  const second = await ask(small.openai, 'a'.repeat(300))
  expect(await ask(small.openai, 'b', second.id)).toMatchObject({ status: 'completed' })
  expect(await rejection(ask(small.openai, 'b', first.id))).toMatchObject({ param: 'previous_response_id' })

  const kept = new Map<string, readonly unknown[]>()
  const store = {
    load: (id: string) => kept.get(id),
    save: (id: string, messages: readonly unknown[]) => void kept.set(id, messages),
  }
  const { openai } = await served({ echo: agent('echo') }, { responseStore: store })
  const { id } = await ask(openai, 'One')
  expect([...kept.keys()]).toEqual([`echo/${id}`])
  store.save = () => {
    throw new Error('no room')
  }
  const error = await rejection(ask(openai, 'Two', id))
  expect(error).toMatchObject({ status: 500, code: 'CONVERSATION_STORE_FAILED' })
})

test('items of the input are what the agent remembers, also those of an output that is sent back', async () => {
  const { openai } = await served({ brief, thinks })
  const thought = await openai.responses.stream({ model: 'thinks', input: 'Hello' }).finalResponse()
  const { output_text } = await openai.responses.create({
    model: 'brief',
    input: [
      { role: 'developer', content: 'Be kind.' },
      { role: 'user', content: 'What is an axon?' },
      ...(thought.output as OpenAI.Responses.ResponseInput),
      { type: 'function_call', call_id: 'a', name: 'look_up', arguments: '{"word":"axon"}' },
      { type: 'function_call_output', call_id: 'a', output: 'an arm' },
      { type: 'message', role: 'assistant', content: 'An arm.' },
      { role: 'user', content: [{ type: 'input_text', text: 'Of what?' }] },
    ],
  })
  expect(JSON.parse(output_text)).toEqual([
    ['system-prompt', 'Be kind.'],
    ['user-prompt', 'What is an axon?'],
    ['text', 'It is so.'],
    ['tool-call', '{"word":"axon"}'],
    ['tool-return', 'an arm'],
    ['text', 'An arm.'],
    ['user-prompt', 'Of what?'],
  ])
})

test.each<[string, object, string]>([
  ['tools of the client', { tools: [{ type: 'web_search' }] }, 'tools'],
  ['a run in the background', { background: true }, 'background'],
  ['a conversation', { conversation: 'conv_1' }, 'conversation'],
  ['a prompt template', { prompt: { id: 'pmpt_1' } }, 'prompt'],
  ['no input', { input: undefined }, 'input'],
  ['an item that there is not', { input: [{ type: 'item_reference', id: 'a' }] }, 'input[0].type'],
  [
    'an uploaded file',
    { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] },
    'input[0].content[0].file_id',
  ],
  [
    'an answer of a tool as the last item',
    {
      input: [
        { role: 'user', content: 'a' },
        { type: 'function_call', call_id: 'a', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'a', output: '' },
      ],
    },
    'input',
  ],
])('%s is refused, and the field is named', async (_, wrong, param) => {
  const { openai } = await served({ echo: agent('echo') })
  const error = (await rejection(
    openai.responses.create({ model: 'echo', input: 'Hello', ...wrong } as never),
  )) as APIError
  expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', code: 'RUN_REQUEST_INVALID', param })
})

test('an agent that raises is run once, and is thrown from a stream that has begun', async () => {
  const { axon, openai } = await served({ breaks: agent('generator', { module: 'agents.generator:breaks' }) })
  const events = record(axon)
  const asked = { model: 'breaks', input: '' }
  expect(await rejection(openai.responses.create(asked))).toMatchObject({ status: 500, code: 'AGENT_RAISED' })
  expect(events.filter(({ type }) => type === 'run.accepted')).toHaveLength(1)
  const types: string[] = []
  const read = async () => {
    for await (const { type } of await openai.responses.create({ ...asked, stream: true })) types.push(type)
  }
  expect(await rejection(read())).toMatchObject({ code: 'AGENT_RAISED' })
  expect(types.at(-1)).toBe('response.output_text.delta')
})

test.each([false, true])('a client that goes away ends its run in Python; streamed: %s', async (stream) => {
  const { axon, openai } = await served({ gate: agent('gate', { module: 'agents.gate:slow_words' }) })
  const gate = join(scratch(), 'gate')
  const settled = next(axon, 'run.settled')
  const leaving = new AbortController()
  const call = openai.responses.create({ model: 'gate', input: gate, stream }, { signal: leaving.signal })
  const reading = call.then(async (answer) => {
    if (Symbol.asyncIterator in answer) for await (const _ of answer);
  })
  reading.catch(() => {})
  await appears(`${gate}.waiting`)
  leaving.abort()
  expect(await settled).toMatchObject({ status: 'cancelled', started: true })
  await appears(`${gate}.cancelled`)
})
