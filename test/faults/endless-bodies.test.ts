import { once } from 'node:events'
import { expect, test } from 'vitest'
import type { Gateway } from '../../src/index.ts'
import { agent } from '../e2e/axon.ts'
import { lines, serve, tokens } from '../gateway/gateway.ts'
import { closed, dial, meanwhile } from './front.ts'

const tenGigabytes = 10 * 2 ** 30
const mebibyte = 2 ** 20
const json = 'Content-Type: application/json'
const chunked = [json, 'Transfer-Encoding: chunked']
const piece = Buffer.alloc(2 ** 16, ' ')
const chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
const run = 'POST /agents/echo/run_sync HTTP/1.1'

const endless: readonly {
  what: string
  first?: string
  headers?: string[]
  piece?: Buffer
  token?: string
  status: number
}[] = [
  { what: 'in chunks', status: 413 },
  { what: 'of a length', headers: [json, `Content-Length: ${tenGigabytes}`], piece, status: 413 },
  { what: 'that is compressed', headers: [...chunked, 'Content-Encoding: gzip'], status: 415 },
  { what: 'that is no JSON', headers: ['Content-Type: text/plain', 'Transfer-Encoding: chunked'], status: 415 },
  { what: 'without a token', token: 'nobody', status: 401 },
  { what: 'at a route that takes none', first: 'GET /agents HTTP/1.1', status: 200 },
  { what: 'at a route without a token', first: 'GET /healthz HTTP/1.1', token: 'nobody', status: 200 },
  { what: 'at an address that is none', first: 'POST /agents/%zz/run_sync HTTP/1.1', status: 400 },
  { what: 'as a chunk that does not end', piece: Buffer.concat([Buffer.from('fffffffff\r\n'), piece]), status: 413 },
  {
    what: 'as an extension of a chunk',
    piece: Buffer.concat([Buffer.from('1;a='), Buffer.alloc(piece.length, 'a')]),
    status: 413,
  },
  {
    what: 'behind the last chunk',
    piece: Buffer.concat([Buffer.from('0\r\na: '), Buffer.alloc(piece.length, 'a')]),
    status: 413,
  },
]

test('a body of 10 GiB is answered and cut off at its limit, whatever else is wrong with it, and is never held', async () => {
  const { axon, gateway, post } = await serve({}, { echo: agent('echo'), other: agent('echo') })
  const accepted: string[] = []
  axon.on('run.accepted', ({ agent }) => agent === 'echo' && accepted.push(agent))
  const before = process.memoryUsage.rss()
  const work = Promise.all(
    Array.from({ length: 4 }, async () => {
      const told = []
      for (const one of endless) told.push(await pour(gateway, one))
      return told
    }),
  )
  const others = await meanwhile(() => post('/agents/other/run_sync', { prompt: 'a' }), work)
  for (const told of await work) {
    expect(told.map(({ status }, at) => `${endless[at]?.what}: ${status}`)).toEqual(
      endless.map(({ what, status }) => `${what}: ${status}`),
    )
    // Beyond the limit it is what the kernel holds of a connection.
    for (const { bytes } of told) expect(bytes).toBeLessThan(16 * mebibyte)
  }
  expect(process.memoryUsage.rss() - before).toBeLessThan(128 * mebibyte)
  expect(accepted).toEqual([])
  expect(new Set(others)).toEqual(new Set([200]))
  expect((await post('/agents/echo/run_sync', { prompt: 'a' })).status).toBe(200)
})

/** Sends until it is cut off; how much went out, and the answer. */
async function pour(
  gateway: Gateway,
  { first = run, headers = chunked, piece = chunk, token = tokens[0].token }: (typeof endless)[number],
): Promise<{ status: number; bytes: number }> {
  const socket = dial(gateway)
  const end = closed(socket)
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1')
  })
  socket.write(
    lines(gateway, first, headers)
      .replace(tokens[0].token, token)
      .replace('Connection: close', 'Connection: keep-alive'),
  )
  while (!socket.destroyed && socket.bytesWritten < tenGigabytes) {
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain').catch(() => {}), end])
  }
  await end
  return { status: Number(answer.slice(9, 12)), bytes: socket.bytesWritten }
}
