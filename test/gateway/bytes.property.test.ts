/** Whatever bytes come, the gateway answers in its one shape or not at all, and goes on. */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { record } from '../e2e/axon.ts'
import { badRequests, json, owner, target } from './bad-requests.ts'
import { serve } from './gateway.ts'

/** A request as bytes, with as much wrong as is said. */
type Change = (bytes: Buffer) => Buffer

const place = fc.double({ min: 0, max: 1, noNaN: true })
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom(
      '\r\n',
      '\n',
      '\r',
      '\r\n\r\n',
      ':',
      ' ',
      '\0',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
    )
    .map((words) => Buffer.from(words)),
  fc
    .constantFrom('Host: a\r\n', 'GET / HTTP/1.1\r\n', '0\r\n\r\n', '{', '"', '[[', '\\ud800')
    .map((words) => Buffer.from(words)),
)
const at = (bytes: Buffer, share: number) => Math.floor(share * bytes.length)
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, piece).map(([where, more]) => (bytes: Buffer) => {
    return Buffer.concat([bytes.subarray(0, at(bytes, where)), more, bytes.subarray(at(bytes, where))])
  }),
  fc.tuple(place, fc.nat(255)).map(([where, byte]) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes)
    if (changed.length > 0) changed[Math.min(at(bytes, where), changed.length - 1)] = byte
    return changed
  }),
  fc.tuple(place, fc.nat(60)).map(([where, length]) => (bytes: Buffer) => {
    return Buffer.concat([bytes.subarray(0, at(bytes, where)), bytes.subarray(at(bytes, where) + length)])
  }),
  fc.tuple(place, place).map(([from, to]) => (bytes: Buffer) => {
    return Buffer.concat([bytes, bytes.subarray(Math.min(at(bytes, from), at(bytes, to)))])
  }),
)
const bodies = ['{"prompt":"a"}', ...badRequests.flatMap(({ body }) => (body && body.length < 1_000 ? [body] : []))]
const targets = [
  target,
  'POST /agents/echo/run_stream HTTP/1.1',
  'POST /v1/chat/completions HTTP/1.1',
  'GET /agents HTTP/1.1',
]

test('mutated and random requests are answered in one shape without a server error, run nothing unseen, and leave nothing', async () => {
  const { axon, gateway, post } = await serve()
  const accepted = record(axon)
  let answered = 0
  const told = async (bytes: Buffer) => {
    const socket = connect(gateway.address.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.end(bytes)
    // One that is refused may be cut off while it is still writing.
    return await text(socket).catch(() => '')
  }
  const head = (first: string, body: Buffer) => [
    first,
    `Host: 127.0.0.1:${gateway.address.port}`,
    owner,
    json,
    `Content-Length: ${body.length}`,
    'Connection: close',
  ]
  const request = fc
    .tuple(fc.constantFrom(...targets), fc.constantFrom(...bodies), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([first, given, changes]) => {
      const body = Buffer.from(given)
      const whole = Buffer.concat([Buffer.from(`${head(first, body).join('\r\n')}\r\n\r\n`), body])
      return changes.reduce<Buffer>((bytes, alter) => alter(bytes), whole)
    })
  const random = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes))
  const some = fc.array(fc.oneof({ weight: 9, arbitrary: request }, { weight: 1, arbitrary: random }), {
    minLength: 10,
    maxLength: 20,
  })
  await fc.assert(
    fc.asyncProperty(some, async (requests) => {
      for (const answer of await Promise.all(requests.map(told))) {
        if (answer === '') continue
        const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? []
        expect(answer.slice(0, 200), 'an answer').toMatch(/^HTTP\/1\.1 [234]\d\d /)
        if (status?.startsWith('2')) continue
        answered += 1
        expect(answer).toMatch(/"error":\{.*"code":"[A-Z_]+"/)
      }
    }),
    { numRuns: 100 },
  )
  expect(answered).toBeGreaterThan(300)
  const count = (type: string) => accepted.filter((event) => event.type === type).length
  await vi.waitFor(() => expect(count('run.settled')).toBe(count('run.accepted')))
  expect((await post('/agents/echo/run_sync', { prompt: 'a' })).status).toBe(200)
  expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
}, 120_000)
