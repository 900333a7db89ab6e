import { createServer, type ServerResponse } from 'node:http'
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
const never = new AbortController().signal

/** A transport to a server; `asked` gives each response to be written. */
async function open(timeouts: Partial<HttpCall['timeouts']> = {}) {
  const path = join(scratch(), 'agent.sock')
  let hand: (response: ServerResponse) => void
  const asked = new Promise<ServerResponse>((resolve) => {
    hand = resolve
  })
  const server = createServer((_, response) => hand(response))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const link = new ProcessLink(definitionOf('writer'), generation)
  link.serve({ kind: 'unix', path })
  onTestFinished(() => {
    link.bury()
    server.closeAllConnections()
    server.close()
  })
  const call = { generation, run: 'r-1', attempt: 1, body: '{}', timeouts: { ...patient, ...timeouts }, deadlineMs: 1 }
  return { transport: createTransport(new Map([[generation, link]])), asked, call }
}

const closed = (response: ServerResponse) => new Promise<void>((resolve) => response.once('close', resolve))
const delta = (text: string) => `event: text.delta\ndata: ${JSON.stringify({ text })}\n\n`
const result = 'event: run.result\ndata: {"result":1,"messages":[],"usage":{"total_tokens":0}}\n\n'

test('no first byte within firstByteMs ends the request, and its connection', async () => {
  const { transport, asked, call } = await open({ firstByteMs: 40 })
  const answer = expect(transport.httpRequest(call, never)).rejects.toMatchObject({ name: 'ByteTimeout' })
  await closed(await asked)
  await answer
})

test('no byte within idleMs in a stream ends it, after what had come', async () => {
  const { transport, asked, call } = await open({ idleMs: 40 })
  const events: RunStreamEvent[] = []
  const reading = (async () => {
    for await (const event of transport.httpStream(call, never)) events.push(event)
  })()
  const lost = expect(reading).rejects.toMatchObject({ name: 'ByteTimeout' })
  ;(await asked).write(delta('a'))
  await lost
  expect(events).toHaveLength(1)
})

test.each(['httpRequest', 'httpStream'] as const)(
  'an abort ends %s with its reason, before the first byte and after',
  async (kind) => {
    for (const beginning of ['', ': x\n\n']) {
      const { transport, asked, call } = await open()
      const controller = new AbortController()
      const run =
        kind === 'httpRequest'
          ? transport.httpRequest
          : (...args: Parameters<typeof transport.httpStream>) => collect(transport.httpStream(...args))
      const ended = expect(run(call, controller.signal)).rejects.toThrow('enough')
      const response = await asked
      if (beginning !== '') await new Promise<void>((resolve) => response.write(beginning, () => resolve()))
      controller.abort(new Error('enough'))
      await ended
      await closed(response)
    }
  },
)

test('a signal that is aborted already writes nothing', async () => {
  const { transport, call } = await open()
  await expect(transport.httpRequest(call, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
})

test('a loop that is left early closes the connection: the process sees that nobody listens', async () => {
  const { transport, asked, call } = await open()
  const reading = (async () => {
    for await (const _ of transport.httpStream(call, never)) break
  })()
  const response = await asked
  response.write(delta('a'))
  await reading
  await closed(response)
})

test('a slow reader holds the process back, and loses nothing however long it takes: idleMs does not count then', async () => {
  const { transport, asked, call } = await open({ idleMs: 40 })
  const events = transport.httpStream(call, never)[Symbol.asyncIterator]()
  const first = events.next()
  const response = await asked
  const chunk = delta('x'.repeat(64 * 1024))
  let written = 1
  while (response.write(chunk)) written += 1
  expect((await first).done).toBe(false)
  // Written until the kernel's and our own buffers are full: from then on the process waits.
  for (;;) {
    const drained = new Promise<'drained'>((resolve) => response.once('drain', () => resolve('drained')))
    const full = new Promise<'full'>((resolve) => setTimeout(() => resolve('full'), 200))
    if ((await Promise.race([drained, full])) === 'full') break
    do written += 1
    while (response.write(chunk))
  }
  expect(written * chunk.length).toBeLessThan(4 * 1024 * 1024)
  response.end(result)
  let read = 1
  for await (const event of { [Symbol.asyncIterator]: () => events }) if (event.event === 'text.delta') read += 1
  expect(read).toBe(written)
})
