import { EventEmitter, on } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect as open } from 'node:net'
import { join } from 'node:path'
import { Client, type ClientOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Gateway } from '../../../src/index.ts'
import { agent, appears, makeEnvironment, next, pydanticAi, scratch } from '../../e2e/axon.ts'
import { lines, serve, tokens } from '../gateway.ts'

const clients = new Set<Client>()

afterEach(async () => {
  const open = [...clients]
  clients.clear()
  await Promise.all(open.map((client) => client.close()))
})

beforeAll(async () => {
  await makeEnvironment(pydanticAi)
  await makeEnvironment(['langgraph'])
}, 300_000)

type Mode = NonNullable<ClientOptions['versionNegotiation']>['mode']

/** The protocol's own client, of one of its two generations. */
async function connect(gateway: Gateway, mode: Mode, options: { token?: string } & ClientOptions = {}) {
  const { token = tokens[0].token, ...rest } = options
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode }, ...rest } as ClientOptions)
  const transport = new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  })
  await client.connect(transport)
  clients.add(client)
  return client
}

const adviser = agent('adviser', {
  dependencies: pydanticAi,
  metadata: { title: 'Adviser', description: 'Advises on an account.' },
})

describe.each([['legacy'], ['auto']] as const)('a client of the generation %s', (mode) => {
  test('finds each agent that its token may use as a tool, with its schemas', async () => {
    const { gateway } = await serve({}, { echo: agent('echo'), adviser })
    const { tools } = await (await connect(gateway, mode)).listTools()
    expect(tools).toMatchObject([
      { name: 'echo', description: 'Asks the agent echo.', inputSchema: { required: ['prompt'] } },
      {
        name: 'adviser',
        title: 'Adviser',
        description: 'Advises on an account.',
        inputSchema: {
          properties: { prompt: { type: 'string' }, deps: { properties: { name: { type: 'string' } } } },
          required: ['prompt', 'deps'],
        },
        outputSchema: { properties: { text: { type: 'string' }, is_urgent: { type: 'boolean' } } },
      },
    ])
    const other = await connect(gateway, mode, { token: tokens[1].token })
    expect((await other.listTools()).tools.map(({ name }) => name)).toEqual(['echo'])
  })

  test('calls an agent, and has its result as text, as a structure, and with its usage', async () => {
    const { gateway } = await serve({}, { echo: agent('echo'), adviser })
    const client = await connect(gateway, mode)
    const echoed = await client.callTool({ name: 'echo', arguments: { prompt: 'Hello', deps: { a: 1 } } })
    expect(echoed).toMatchObject({ structuredContent: { prompt: 'Hello', deps: { a: 1 } } })
    await client.listTools()
    const advised = await client.callTool({ name: 'adviser', arguments: { prompt: 'Now?', deps: { name: 'Ann' } } })
    expect(advised).toMatchObject({
      structuredContent: { text: 'a', is_urgent: false },
      _meta: { 'axon/usage': { requests: 2 } },
    })
    expect(JSON.parse((advised.content as { text: string }[])[0]?.text ?? '')).toEqual(advised.structuredContent)
  })

  test('is told of the progress of agents of different frameworks: their words and their tools', async () => {
    const langgraph = agent('langgraph_adder', { module: 'agents/langgraph_adder.py', dependencies: ['langgraph'] })
    const { gateway } = await serve({}, { words: agent('words'), langgraph })
    const client = await connect(gateway, mode)
    const call = async (name: string, prompt: string) => {
      const told: { progress: number; message?: string | undefined }[] = []
      const result = await client.callTool({ name, arguments: { prompt } }, { onprogress: (one) => told.push(one) })
      expect(told.map(({ progress }) => progress)).toEqual(told.map((_, at) => at + 1))
      return { result, messages: told.map(({ message }) => message) }
    }
    const words = await call('words', '3')
    expect(words.messages).toEqual([undefined, 'word ', 'word ', 'word '])
    expect(words.result.content).toEqual([{ type: 'text', text: 'word word word ' }])
    const sum = await call('langgraph', 'Add')
    expect(sum.messages).toContain('Calls add.')
    expect(sum.result.content).toEqual([{ type: 'text', text: 'It is 3' }])
  })

  test('reads why a call came to nothing, in the result', async () => {
    const breaks = agent('generator', { module: 'agents.generator:breaks' })
    const { gateway } = await serve({}, { breaks, gate: agent('gate', { concurrency: 1, queue: 1 }) })
    const client = await connect(gateway, mode)
    const failed = { isError: true, _meta: { 'axon/error': { code: 'AGENT_RAISED', kind: 'KeyError' } } }
    expect(await client.callTool({ name: 'breaks', arguments: { prompt: '' } })).toMatchObject(failed)
    const told = client.callTool({ name: 'breaks', arguments: { prompt: '' } }, { onprogress: () => {} })
    expect(await told).toMatchObject(failed)
    const wrong = await client.callTool({ name: 'breaks', arguments: { question: '' } })
    expect(wrong).toMatchObject({ isError: true, _meta: { 'axon/error': { code: 'RUN_REQUEST_INVALID' } } })
    const gate = join(scratch(), 'gate')
    const call = () => client.callTool({ name: 'gate', arguments: { prompt: gate } })
    const first = call()
    await appears(`${gate}.waiting`)
    const queued = call()
    const refused = call()
    const fullest = await Promise.race([queued, refused])
    expect(fullest).toMatchObject({
      isError: true,
      _meta: { 'axon/error': { code: 'RUN_REJECTED', retryable: true, retry_after: expect.any(Number) } },
    })
    await writeFile(gate, '')
    expect((await first).isError).toBeUndefined()
    await Promise.all([queued, refused])
  })

  test('learns nothing of agents that are not its own, and nothing without a token', async () => {
    const { gateway } = await serve({}, { echo: agent('echo'), words: agent('words') })
    const client = await connect(gateway, mode, { token: tokens[1].token })
    const messages = await Promise.all(
      ['words', 'nobody'].map((name) =>
        client.callTool({ name, arguments: { prompt: '1' } }).then(
          () => '',
          (error: Error & { code: number }) => `${error.code} ${error.message.replace(name, 'X')}`,
        ),
      ),
    )
    expect(messages[0]).toMatch(/^-32602 .*There is no tool "X"/)
    expect(messages[1]).toBe(messages[0])
    await expect(connect(gateway, mode, { token: 'not-a-token-at-all' })).rejects.toThrow()
    await expect(connect(gateway, mode, { token: tokens[3].token })).rejects.toThrow()
  })

  test('ends a run in Python by cancelling its call', async () => {
    const { axon, gateway } = await serve({}, { gate: agent('gate') })
    const client = await connect(gateway, mode)
    const gate = join(scratch(), 'gate')
    const leaving = new AbortController()
    const settled = next(axon, 'run.settled')
    const call = client.callTool({ name: 'gate', arguments: { prompt: gate } }, { signal: leaving.signal })
    await Promise.all([appears(`${gate}.waiting`), new Promise((resolve) => setImmediate(resolve))])
    leaving.abort('enough')
    await expect(call).rejects.toThrow()
    expect(await settled).toMatchObject({ status: 'cancelled', started: true })
    await appears(`${gate}.cancelled`)
  })

  test('ends a run in Python by going away', async () => {
    const { axon, gateway } = await serve({}, { gate: agent('gate') })
    const client = await connect(gateway, mode)
    const gate = join(scratch(), 'gate')
    const settled = next(axon, 'run.settled')
    const call = client.callTool({ name: 'gate', arguments: { prompt: gate } }, { onprogress: () => {} })
    const gone = expect(call).rejects.toThrow()
    await appears(`${gate}.waiting`)
    await client.close()
    await gone
    expect(await settled).toMatchObject({ status: 'cancelled', started: true })
    await appears(`${gate}.cancelled`)
  })

  test('is told when agents come and go', async () => {
    const { axon, gateway } = await serve()
    const lists = new EventEmitter<{ list: [string[]] }>()
    const isListed = async (name: string, is: boolean) => {
      for await (const [names] of on(lists, 'list')) if (names.includes(name) === is) return
    }
    await connect(gateway, mode, {
      listChanged: {
        tools: {
          debounceMs: 0,
          onChanged: (_, tools) =>
            lists.emit(
              'list',
              (tools ?? []).map(({ name }) => name),
            ),
        },
      },
    })
    const added = isListed('later', true)
    await axon.spawn({ name: 'later', ...agent('echo') })
    await added
    const removed = isListed('later', false)
    await axon.retire('later')
    await removed
  })
})

test('a session belongs to its caller', async () => {
  const { gateway, post } = await serve()
  const client = await connect(gateway, 'legacy')
  const { sessionId = '' } = client.transport as StreamableHTTPClientTransport
  const list = (token: string) =>
    post(
      '/mcp',
      { jsonrpc: '2.0', id: 1, method: 'tools/list' },
      {
        token,
        headers: {
          'mcp-session-id': sessionId,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
      },
    )
  expect((await list(tokens[0].token)).status).toBe(200)
  expect((await list(tokens[2].token)).status).toBe(404)
})

test('who takes nothing of a call is cut off, and its run ends', async () => {
  const endless = agent('generator', { module: 'agents.generator:endless' })
  const { axon, gateway } = await serve({ stallMs: 300 }, { endless })
  const client = await connect(gateway, 'legacy')
  const { sessionId = '' } = client.transport as StreamableHTTPClientTransport
  const settled = next(axon, 'run.settled')
  const params = { name: 'endless', arguments: { prompt: 'a' }, _meta: { progressToken: 1 } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'slow', method: 'tools/call', params })
  const socket = open(gateway.address.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.pause()
  const headers = [
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Mcp-Session-Id: ${sessionId}`,
    `Content-Length: ${body.length}`,
  ]
  socket.write(lines(gateway, 'POST /mcp HTTP/1.1', headers, body))
  expect(await settled).toMatchObject({ status: 'cancelled' })
  socket.destroy()
})

test('the gateway closes though clients listen, and ends the calls that do not end in time', async () => {
  const { axon, gateway } = await serve({}, { gate: agent('gate') })
  const listChanged = { tools: { onChanged: () => {} } }
  const listening = await Promise.all(
    (['legacy', 'auto'] as const).map((mode) => connect(gateway, mode, { listChanged })),
  )
  const gate = join(scratch(), 'gate')
  const calls = listening.map((client) => client.callTool({ name: 'gate', arguments: { prompt: gate } }))
  const ends = Promise.allSettled(calls)
  await appears(`${gate}.waiting`)
  const settled = next(axon, 'run.settled')
  await gateway.close()
  expect(await settled).toMatchObject({ status: 'cancelled' })
  await ends
})
