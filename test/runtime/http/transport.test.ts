import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { HttpCall } from '../../../src/machines/slots.ts'
import type { RunStreamEvent } from '../../../src/protocol/run.ts'
import { createTransport } from '../../../src/runtime/http/transport.ts'
import { ProcessLink } from '../../../src/runtime/process/link.ts'
import { definitionOf } from '../../machines/samples.ts'
import { collect, scratch } from '../scratch.ts'

const generation = 'writer/0#1'
const patient = { connectMs: 5_000, firstByteMs: 60_000, idleMs: 60_000, runMs: 60_000 }
const response = { result: 'hello', messages: [], usage: { total_tokens: 3 } }
const never = new AbortController().signal

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A transport to a process whose server is `server`. */
async function transportTo(server: Server | ReturnType<typeof createSocketServer>) {
  const path = join(scratch(), 'agent.sock')
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const link = new ProcessLink(definitionOf('writer'), generation)
  link.serve({ kind: 'unix', path })
  onTestFinished(() => {
    link.bury()
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return { transport: createTransport(new Map([[generation, link]])), link }
}

const answering = (handler: Handler) => transportTo(createServer(handler))

const callOf = (changes: Partial<HttpCall> = {}): HttpCall => ({
  generation,
  run: 'r-1',
  attempt: 1,
  body: '{"prompt":"hi"}',
  timeouts: patient,
  deadlineMs: 1234.5,
  ...changes,
})

const sse = (id: number, event: string, data: unknown) =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
const delta = (id: number) => sse(id, 'text.delta', { text: `${id}` })
const result = (id: number) => sse(id, 'run.result', response)
const raised = {
  error: { code: 'AGENT_RAISED', message: 'no', kind: 'ValueError', traceback: 'Traceback', started: true },
}

const stream: (...parts: string[]) => Handler =
  (...parts) =>
  (_, answer) => {
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const part of parts) answer.write(part)
    answer.end()
  }

test('a request carries the run, its time, the token and the body; the answer comes back as it is', async () => {
  const seen: Partial<IncomingMessage & { body: string }> = {}
  const { transport, link } = await answering(async (request, answer) => {
    const chunks = await collect(request)
    Object.assign(seen, { method: request.method, url: request.url, headers: request.headers, body: chunks.join('') })
    answer.end(JSON.stringify(response))
  })
  expect(await transport.httpRequest(callOf(), never)).toEqual(response)
  expect(seen).toMatchObject({ method: 'POST', url: '/agents/writer/run_sync', body: '{"prompt":"hi"}' })
  expect(seen.headers).toMatchObject({
    authorization: `Bearer ${link.token}`,
    'content-type': 'application/json',
    'x-axon-run': 'r-1',
    'x-axon-attempt': '1',
    'x-axon-deadline-ms': '1235',
  })
})

const answers: [string, number, string, object][] = [
  [
    'an error body',
    500,
    JSON.stringify(raised),
    {
      code: 'AGENT_RAISED',
      kind: 'ValueError',
      traceback: 'Traceback',
      started: true,
      message: 'Agent writer raised ValueError: no',
    },
  ],
  [
    'a code that is not known',
    500,
    '{"error":{"code":"NEW","message":"x","retryable":true}}',
    { code: 'AGENT_RAISED', retryable: true, started: undefined },
  ],
  ['no JSON', 200, '<html>', { code: 'PROTOCOL_INVALID_RESPONSE', started: undefined }],
  ['no JSON and an error status', 502, 'Bad gateway', { code: 'PROTOCOL_INVALID_RESPONSE' }],
  ['another shape', 200, '{"result":1}', { code: 'PROTOCOL_INVALID_RESPONSE' }],
  ['an error of another shape', 500, '{"detail":"x"}', { code: 'PROTOCOL_INVALID_RESPONSE' }],
]

test.each(answers)('%s becomes the error of the run, in one answer and in a stream', async (_, status, body, error) => {
  const { transport } = await answering((request, answer) => {
    if (request.url?.endsWith('run_stream') && status === 200) return stream(`data: ${body}\n\n`)(request, answer)
    answer.statusCode = status
    answer.end(body)
  })
  const about = { name: 'RunError', run: 'r-1', agent: 'writer', attempt: 2, ...error }
  await expect(transport.httpRequest(callOf({ attempt: 2 }), never)).rejects.toMatchObject(about)
  if (body === '{"result":1}') return
  await expect(collect(transport.httpStream(callOf({ attempt: 2 }), never))).rejects.toMatchObject(about)
})

test('events arrive as they are sent, until the result', async () => {
  const { transport } = await answering(
    stream(sse(1, 'run.started', { run_id: 'r-1' }), ': keep-alive\n\n', delta(2), result(3)),
  )
  expect(await collect(transport.httpStream(callOf(), never))).toEqual([
    { id: 1, event: 'run.started', data: { run_id: 'r-1' } },
    { id: 2, event: 'text.delta', data: { text: '2' } },
    { id: 3, event: 'run.result', data: response },
  ])
})

test('run.error ends a stream as the error that it holds', async () => {
  const { transport } = await answering(stream(delta(1), sse(2, 'run.error', raised), delta(3)))
  const events: RunStreamEvent[] = []
  const reading = (async () => {
    for await (const event of transport.httpStream(callOf(), never)) events.push(event)
  })()
  await expect(reading).rejects.toMatchObject({ code: 'AGENT_RAISED', kind: 'ValueError', started: true })
  expect(events).toHaveLength(1)
})

test('a result that is no result is an invalid response', async () => {
  const { transport } = await answering(stream(sse(1, 'run.result', { result: 1 })))
  const reading = collect(transport.httpStream(callOf(), never))
  await expect(reading).rejects.toMatchObject({ code: 'PROTOCOL_INVALID_RESPONSE' })
})

test('a stream that ends without a result has lost its connection', async () => {
  const { transport } = await answering(stream(delta(1)))
  const reading = collect(transport.httpStream(callOf(), never))
  await expect(reading).rejects.toMatchObject({ name: 'ConnectionLost', isWritten: true })
})

test('connections are used again, by streams too', async () => {
  const server = createServer((request, answer) => {
    if (request.url?.endsWith('run_sync')) return void answer.end(JSON.stringify(response))
    stream(delta(1), result(2))(request, answer)
  })
  let connections = 0
  server.on('connection', () => (connections += 1))
  const { transport } = await transportTo(server)
  for (let round = 0; round < 5; round += 1) {
    for await (const _ of transport.httpStream(callOf(), never)) {
    }
    await transport.httpRequest(callOf(), never)
  }
  // A connection is free again a moment after its last byte.
  expect(connections).toBeLessThanOrEqual(2)
})

test('a result counts, though the connection breaks behind it', async () => {
  const { transport } = await answering((_, answer) => {
    answer.writeHead(200)
    answer.write(result(1), () => answer.destroy())
  })
  expect(await collect(transport.httpStream(callOf(), never))).toHaveLength(1)
})

test('a body that breaks off has lost its connection', async () => {
  const { transport } = await answering((_, answer) => {
    answer.writeHead(200)
    answer.write('{"result":', () => answer.destroy())
  })
  await expect(transport.httpRequest(callOf(), never)).rejects.toMatchObject({
    name: 'ConnectionLost',
    isWritten: true,
  })
  const reading = collect(transport.httpStream(callOf(), never))
  await expect(reading).rejects.toMatchObject({ name: 'ConnectionLost', isWritten: true })
})

test.each([
  ['closes the connection', undefined],
  ['speaks another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
])('a process that takes the request and %s has lost it', async (_, answer) => {
  const server = createSocketServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => (answer === undefined ? socket.destroy() : socket.end(answer)))
  })
  const { transport } = await transportTo(server)
  await expect(transport.httpRequest(callOf(), never)).rejects.toMatchObject({
    name: 'ConnectionLost',
    isWritten: true,
  })
})

test('a request that found nobody was not written', async () => {
  const server = createServer()
  const { transport, link } = await transportTo(server)
  await new Promise((resolve) => server.close(resolve))
  await expect(transport.httpRequest(callOf(), never)).rejects.toMatchObject({
    name: 'ConnectionLost',
    isWritten: false,
  })
  await link.exit()
  await expect(transport.httpRequest(callOf(), never)).rejects.toMatchObject({
    name: 'ConnectionLost',
    isWritten: false,
  })
})
