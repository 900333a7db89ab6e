import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Message, Role, SendMessageRequest, type StreamResponse, type Task, TaskState } from '@a2a-js/sdk'
import { type Client, ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from '@a2a-js/sdk/client'
import { beforeAll, expect, test } from 'vitest'
import type { Gateway } from '../../../src/index.ts'
import { agent, appears, makeEnvironment, next, pydanticAi, scratch } from '../../e2e/axon.ts'
import { serve, tokens } from '../gateway.ts'

beforeAll(async () => {
  await makeEnvironment(pydanticAi)
  await makeEnvironment(['langgraph'])
}, 300_000)

/** The protocol's own client, which finds its way by the card. */
async function connect(gateway: Gateway, name: string, token: string = tokens[0].token): Promise<Client> {
  const fetchImpl: typeof fetch = (url, init) => {
    const headers = new Headers(init?.headers)
    headers.set('authorization', `Bearer ${token}`)
    return fetch(url, { ...init, headers })
  }
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory({ fetchImpl })],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  })
  return await factory.createFromUrl(`${gateway.url}/agents/${name}/`)
}

function asking(text: string, more: { contextId?: string; taskId?: string; returnImmediately?: boolean } = {}) {
  const { returnImmediately = false, ...rest } = more
  const message = { messageId: randomUUID(), role: 'ROLE_USER', parts: [{ text }], ...rest }
  return SendMessageRequest.fromJSON({ message, configuration: { returnImmediately } })
}

const send = async (client: Client, ...given: Parameters<typeof asking>) =>
  (await client.sendMessage(asking(...given))) as Task

const valuesOf = (task: Task) =>
  task.artifacts.flatMap(({ parts }) => parts.map(({ content }) => content?.value as unknown))

async function all(stream: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const events: StreamResponse[] = []
  for await (const event of stream) events.push(event)
  return events
}

/** The pieces of the artifact, put together as the protocol says. */
function artifactOf(events: StreamResponse[]): unknown {
  let value: unknown
  for (const { payload } of events) {
    if (payload?.$case !== 'artifactUpdate') continue
    const piece = payload.value.artifact?.parts[0]?.content?.value
    value = payload.value.append ? `${value}${piece}` : piece
  }
  return value
}

const statesOf = (events: StreamResponse[]) =>
  events.flatMap(({ payload }) =>
    payload?.$case === 'task' || payload?.$case === 'statusUpdate' ? [payload.value.status?.state] : [],
  )

test('the card says what an agent is, where it is called, and that a token is asked for', async () => {
  const metadata = { title: 'Echo', description: 'Says it again.', tags: ['test'] }
  const { gateway, call } = await serve({}, { echo: agent('echo', { metadata }), words: agent('words') })
  const card = await call('/agents/echo/.well-known/agent-card.json')
  expect(await card.json()).toMatchObject({
    name: 'Echo',
    description: 'Says it again.',
    supportedInterfaces: [
      { url: `${gateway.url}/agents/echo/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
    ],
    capabilities: { streaming: true },
    securitySchemes: { token: { httpAuthSecurityScheme: { scheme: 'Bearer' } } },
    skills: [{ id: 'echo', tags: ['test'] }],
  })
  expect((await call('/.well-known/agent-card.json')).status).toBe(404)
  const own = await call('/.well-known/agent-card.json', { token: tokens[1].token })
  expect(await own.json()).toMatchObject({ name: 'Echo' })
  expect((await call('/agents/words/.well-known/agent-card.json', { token: tokens[1].token })).status).toBe(403)
  expect((await call('/agents/nobody/.well-known/agent-card.json')).status).toBe(404)
  expect((await call('/agents/echo/.well-known/agent-card.json', { token: 'not-a-token-at-all' })).status).toBe(401)
})

test('a message becomes a task with the result as its artifact, and the task can be got again', async () => {
  const { gateway } = await serve({}, { echo: agent('echo') })
  const client = await connect(gateway, 'echo')
  const request = SendMessageRequest.fromJSON({
    message: {
      messageId: 'm1',
      role: 'ROLE_USER',
      parts: [{ text: 'Look' }, { raw: 'aGk=', mediaType: 'image/png' }],
    },
    metadata: { 'axon/deps': { a: 1 }, trace: 't' },
  })
  const task = (await client.sendMessage(request)) as Task
  expect(task).toMatchObject({
    contextId: expect.stringMatching(/./),
    status: { state: TaskState.TASK_STATE_COMPLETED },
    history: [{ messageId: 'm1', taskId: task.id, role: Role.ROLE_USER }],
    metadata: { 'axon/usage': { total_tokens: 0 } },
  })
  expect(valuesOf(task)).toMatchObject([
    {
      prompt: [
        { type: 'text', text: 'Look' },
        { type: 'file', media_type: 'image/png', data: 'aGk=' },
      ],
      deps: { a: 1 },
      metadata: { trace: 't' },
    },
  ])
  const again = await client.getTask({ tenant: '', id: task.id, historyLength: 0 })
  expect(again).toEqual({ ...task, history: [] })
})

test('a stream has the task, its pieces, and how it ended', async () => {
  const { gateway } = await serve({}, { words: agent('words') })
  const client = await connect(gateway, 'words')
  const events = await all(client.sendMessageStream(asking('3')))
  expect(events.map(({ payload }) => payload?.$case)).toEqual([
    'task',
    'statusUpdate',
    'artifactUpdate',
    'artifactUpdate',
    'artifactUpdate',
    'artifactUpdate',
    'statusUpdate',
  ])
  expect(statesOf(events)).toEqual([
    TaskState.TASK_STATE_SUBMITTED,
    TaskState.TASK_STATE_WORKING,
    TaskState.TASK_STATE_COMPLETED,
  ])
  expect(artifactOf(events)).toBe('word word word ')
})

test.each([
  ['pydantic-ai', agent('adviser', { dependencies: pydanticAi }), 'balance'],
  ['LangGraph', agent('langgraph_adder', { module: 'agents/langgraph_adder.py', dependencies: ['langgraph'] }), 'add'],
])('an agent of %s is streamed with its tool calls, and its artifact is what GetTask gives', async (_, given, tool) => {
  const { gateway } = await serve({}, { given })
  const client = await connect(gateway, 'given')
  const asked = asking('Add')
  if (tool === 'balance') asked.metadata = { 'axon/deps': { name: 'Ann' } }
  const events = await all(client.sendMessageStream(asked))
  const told = events.flatMap(({ payload }) =>
    payload?.$case === 'statusUpdate' ? [payload.value.metadata?.['axon/event'] as unknown] : [],
  )
  expect(told).toContainEqual({ event: 'tool.call', data: expect.objectContaining({ name: tool }) })
  expect(told).toContainEqual({ event: 'tool.result', data: expect.anything() })
  const [first] = events
  const id = first?.payload?.$case === 'task' ? first.payload.value.id : ''
  const task = await client.getTask({ tenant: '', id, historyLength: undefined })
  expect(valuesOf(task)).toEqual([artifactOf(events)])
  expect(task.metadata?.['axon/usage']).toMatchObject({ total_tokens: expect.any(Number) })
})

test('tasks of one context are one conversation, those of another are not, nor those of another caller', async () => {
  const { gateway } = await serve({}, { history: agent('history_agent', { dependencies: pydanticAi }) })
  const client = await connect(gateway, 'history')
  const first = await send(client, 'one')
  const { contextId } = first
  expect(valuesOf(first)).toEqual(['You said nothing before. Now you say: one.'])
  expect(valuesOf(await send(client, 'two', { contextId }))).toEqual(['You said before: one. Now you say: two.'])
  expect(valuesOf(await send(client, 'three'))).toEqual(['You said nothing before. Now you say: three.'])
  const other = await connect(gateway, 'history', tokens[2].token)
  expect(valuesOf(await send(other, 'four', { contextId }))).toEqual(['You said nothing before. Now you say: four.'])
  const { tasks, totalSize } = await client.listTasks({
    tenant: '',
    contextId,
    status: TaskState.TASK_STATE_UNSPECIFIED,
    pageSize: 1,
    pageToken: '',
    statusTimestampAfter: undefined,
  })
  expect(totalSize).toBe(2)
  expect(tasks.map(({ history }) => history[0]?.parts[0]?.content?.value)).toEqual(['two'])
})

test('a task that fails says why', async () => {
  const { gateway } = await serve({}, { breaks: agent('generator', { module: 'agents.generator:breaks' }) })
  const client = await connect(gateway, 'breaks')
  const failed = {
    state: TaskState.TASK_STATE_FAILED,
    message: { metadata: { 'axon/error': { code: 'AGENT_RAISED', kind: 'KeyError' } } },
  }
  expect((await send(client, '')).status).toMatchObject(failed)
  const events = await all(client.sendMessageStream(asking('')))
  expect(events.at(-1)?.payload).toMatchObject({ $case: 'statusUpdate', value: { status: failed } })
})

test('a task that finds the queue full is rejected, as a whole and streamed', async () => {
  const { gateway } = await serve({}, { gate: agent('gate', { concurrency: 1, queue: 1 }) })
  const client = await connect(gateway, 'gate')
  const gate = join(scratch(), 'gate')
  const first = send(client, gate)
  await appears(`${gate}.waiting`)
  await send(client, gate, { returnImmediately: true })
  const rejected = {
    state: TaskState.TASK_STATE_REJECTED,
    message: { metadata: { 'axon/error': { code: 'RUN_REJECTED', retryable: true, retry_after: expect.any(Number) } } },
  }
  expect((await send(client, gate)).status).toMatchObject(rejected)
  const events = await all(client.sendMessageStream(asking(gate)))
  expect(events.at(-1)?.payload).toMatchObject({ value: { status: rejected } })
  await writeFile(gate, '')
  expect((await first).status?.state).toBe(TaskState.TASK_STATE_COMPLETED)
})

test('a task is cancelled in Python, and cannot be cancelled when it has ended', async () => {
  const { gateway } = await serve({}, { gate: agent('gate') })
  const client = await connect(gateway, 'gate')
  const gate = join(scratch(), 'gate')
  const { id, status } = await send(client, gate, { returnImmediately: true })
  expect(status?.state).toBe(TaskState.TASK_STATE_SUBMITTED)
  await appears(`${gate}.waiting`)
  const working = await client.getTask({ tenant: '', id, historyLength: undefined })
  expect(working.status?.state).toBe(TaskState.TASK_STATE_WORKING)
  const cancelled = await client.cancelTask({ tenant: '', id, metadata: undefined })
  expect(cancelled.status?.state).toBe(TaskState.TASK_STATE_CANCELED)
  await appears(`${gate}.cancelled`)
  await writeFile(gate, '')
  const done = await send(client, gate)
  await expect(client.cancelTask({ tenant: '', id: done.id, metadata: undefined })).rejects.toMatchObject({
    envelopeCode: -32002,
  })
})

test('who leaves while waiting for a task ends it; who leaves a stream can follow it again', async () => {
  const { axon, gateway } = await serve({}, { gate: agent('gate') })
  const client = await connect(gateway, 'gate')
  const directory = scratch()
  const first = join(directory, 'first')
  const leaving = new AbortController()
  const settled = next(axon, 'run.settled')
  const waiting = client.sendMessage(asking(first), { signal: leaving.signal })
  await appears(`${first}.waiting`)
  leaving.abort()
  await expect(waiting).rejects.toThrow()
  expect(await settled).toMatchObject({ status: 'cancelled', started: true })
  await appears(`${first}.cancelled`)

  const second = join(directory, 'second')
  let id = ''
  for await (const { payload } of client.sendMessageStream(asking(second))) {
    if (payload?.$case === 'task') id = payload.value.id
    if (payload?.$case === 'statusUpdate') break
  }
  await appears(`${second}.waiting`)
  const events: StreamResponse[] = []
  for await (const event of client.resubscribeTask({ tenant: '', id })) {
    events.push(event)
    if (events.length === 1) await writeFile(second, '')
  }
  expect(existsSync(`${second}.cancelled`)).toBe(false)
  expect(statesOf(events).at(-1)).toBe(TaskState.TASK_STATE_COMPLETED)
  await expect(all(client.resubscribeTask({ tenant: '', id }))).rejects.toMatchObject({ envelopeCode: -32004 })
})

test('who follows a task too late for all of its events has the task, and its end', async () => {
  const { axon, gateway } = await serve({}, { words: agent('words') })
  const client = await connect(gateway, 'words')
  const { id } = await send(client, '20000 hang', { returnImmediately: true })
  for await (const _ of axon.agent('words').resume(id, { after: 19_999 })) break
  const events: StreamResponse[] = []
  for await (const event of client.resubscribeTask({ tenant: '', id })) {
    events.push(event)
    if (events.length === 1) await client.cancelTask({ tenant: '', id, metadata: undefined })
  }
  expect(events.map(({ payload }) => payload?.$case)).toEqual(['task', 'statusUpdate'])
  expect(statesOf(events)).toEqual([TaskState.TASK_STATE_WORKING, TaskState.TASK_STATE_CANCELED])
})

test('what is not in the protocol, not theirs or not offered is refused with its codes', async () => {
  const { gateway, post } = await serve({}, { echo: agent('echo'), words: agent('words') })
  const client = await connect(gateway, 'echo')
  const other = await connect(gateway, 'echo', tokens[2].token)
  const { id } = await send(client, 'mine')
  const codes = await Promise.all(
    [
      other.getTask({ tenant: '', id, historyLength: undefined }),
      (await connect(gateway, 'words')).getTask({ tenant: '', id, historyLength: undefined }),
      send(client, 'more', { taskId: id }),
      client.sendMessage(SendMessageRequest.fromJSON({ message: { messageId: 'm', role: 'ROLE_USER', parts: [] } })),
      client.sendMessage({ ...asking(''), message: Message.fromJSON({ messageId: 'm', role: 'ROLE_AGENT' }) }),
    ].map((call) =>
      call.then(
        () => 0,
        ({ envelopeCode }) => envelopeCode,
      ),
    ),
  )
  expect(codes).toEqual([-32001, -32001, -32004, -32602, -32602])
  const rpc = async (body: unknown, version = '1.0') => {
    const answer = await post('/agents/echo/a2a', body, { headers: { 'a2a-version': version } })
    return ((await answer.json()) as { error: { code: number } }).error.code
  }
  const call = { jsonrpc: '2.0', id: 1, params: {} }
  expect(await rpc({ ...call, method: 'Nothing' })).toBe(-32601)
  expect(await rpc({ ...call, method: 'GetTask' }, '0.3')).toBe(-32009)
  expect(await rpc({ ...call, method: 'GetTask', jsonrpc: '1' })).toBeLessThan(-32000)
  const push = { url: 'http://169.254.169.254/', id: 'p' }
  const configuration = { taskPushNotificationConfig: push }
  const { message } = SendMessageRequest.toJSON(asking('')) as { message: unknown }
  expect(await rpc({ ...call, method: 'SendMessage', params: { message, configuration } })).toBe(-32003)
  expect(await rpc({ ...call, method: 'CreateTaskPushNotificationConfig', params: push })).toBe(-32003)
  expect((await post('/agents/echo/a2a', {}, { token: tokens[3].token })).status).toBe(403)
  expect((await post('/agents/words/a2a', {}, { token: tokens[1].token })).status).toBe(403)
  expect((await post('/agents/echo/a2a', {}, { token: 'not-a-token-at-all' })).status).toBe(401)
  expect((await post('/agents/nobody/a2a', {})).status).toBe(404)
})
