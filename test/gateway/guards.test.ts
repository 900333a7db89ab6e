import { expect, test } from 'vitest'
import { createGateway } from '../../src/index.ts'
import { newAxon } from '../e2e/axon.ts'
import { lines, raw, serve, tokens } from './gateway.ts'

const statusIn = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
const owner = `Authorization: Bearer ${tokens[0].token}`
const json = 'Content-Type: application/json'
const body = '{"prompt":"a"}'
const target = 'POST /agents/echo/run_sync HTTP/1.1'

interface Bad {
  what: string
  status: number
  first?: string
  /** Instead of the right ones. */
  host?: string | null
  auth?: string | null
  headers?: string[]
  body?: string | Buffer
}

const deep = (depth: number) => `{"prompt":"a","deps":${'['.repeat(depth)}${']'.repeat(depth)}}`

const bad: Bad[] = [
  { what: 'no token', status: 401, auth: null },
  { what: 'a wrong token', status: 401, auth: 'Authorization: Bearer token-of-the-ownes' },
  { what: 'the beginning of a token', status: 401, auth: 'Authorization: Bearer token-of-the-owne' },
  { what: 'a token of 2 000 characters', status: 401, auth: `Authorization: Bearer ${'a'.repeat(2_000)}` },
  { what: 'another scheme', status: 401, auth: 'Authorization: Basic dG9rZW4=' },
  { what: 'no token, and a body that is no JSON', status: 401, auth: null, body: '{' },
  { what: 'another host', status: 403, host: 'Host: evil.example' },
  { what: 'a host that begins as the right one', status: 403, host: 'Host: 127.0.0.1.evil.example' },
  {
    what: 'another host at a route without a token',
    status: 403,
    host: 'Host: evil.example',
    first: 'GET /healthz HTTP/1.1',
  },
  { what: 'two hosts', status: 403, headers: ['Host: evil.example'] },
  { what: 'no host', status: 403, host: null },
  { what: 'another origin', status: 403, headers: ['Origin: https://evil.example'] },
  { what: 'the origin null', status: 403, headers: ['Origin: null'] },
  { what: 'an absolute target', status: 400, first: 'POST http://evil.example/agents/echo/run_sync HTTP/1.1' },
  { what: 'a form', status: 415, headers: ['Content-Type: application/x-www-form-urlencoded'] },
  { what: 'plain text', status: 415, headers: ['Content-Type: text/plain'] },
  { what: 'no content type', status: 415, headers: [] },
  { what: 'another charset', status: 415, headers: ['Content-Type: application/json; charset=latin1'] },
  { what: 'JSON that breaks off', status: 400, body: '{"prompt":' },
  { what: 'an empty body', status: 400, body: '' },
  { what: 'NaN', status: 400, body: '{"prompt":"a","deps":NaN}' },
  { what: 'UTF-8 that is none', status: 400, body: Buffer.from([0x22, 0xff, 0x22]) },
  { what: 'half of a surrogate pair', status: 400, body: '{"prompt":"\\ud800"}' },
  { what: 'a key __proto__', status: 400, body: '{"prompt":"a","deps":{"__proto__":{"x":1}}}' },
  { what: 'a key __proto__ that is escaped', status: 400, body: '{"prompt":"a","deps":{"\\u005f_proto__":{"x":1}}}' },
  { what: 'nesting of 65', status: 400, body: deep(64) },
  { what: 'nesting of 500 000', status: 400, body: deep(500_000) },
  { what: 'a body above 1 MiB', status: 413, body: `{"prompt":"${'a'.repeat(2 ** 20)}"}` },
  { what: 'headers above 16 KiB', status: 413, headers: [json, `X-Long: ${'a'.repeat(20_000)}`] },
  { what: 'JSON that is no request', status: 422, body: '[]' },
  { what: 'a request with an unknown field', status: 422, body: '{"prompt":"a","promt":"b"}' },
  { what: 'both lengths', status: 400, headers: [json, 'Transfer-Encoding: chunked'] },
  { what: 'two lengths', status: 400, headers: [json, 'Content-Length: 0'] },
  { what: 'a line break in a header', status: 400, headers: [json, 'X-A: b\rX-B: c'] },
  { what: 'a space before a colon', status: 400, headers: [json, 'Transfer-Encoding : chunked'] },
  { what: 'an agent that is not there', status: 404, first: 'POST /agents/nobody/run_sync HTTP/1.1' },
  { what: 'an agent of no name', status: 404, first: 'POST /agents/..%2fecho/run_sync HTTP/1.1' },
  { what: 'a name that breaks off', status: 400, first: 'POST /agents/%zz/run_sync HTTP/1.1' },
  { what: 'an address that is not there', status: 404, first: 'POST /admin HTTP/1.1' },
  { what: 'another method', status: 405, first: 'PUT /agents/echo/run_sync HTTP/1.1' },
  { what: 'no HTTP', status: 400, first: 'HELLO' },
  { what: 'a key of idempotency that is none', status: 422, headers: [json, `Idempotency-Key: ${'k'.repeat(256)}`] },
]

test('whatever is wrong with a request is refused with its status, in one shape, and the gateway goes on', async () => {
  const { gateway, post } = await serve()
  const seen: string[] = []
  for (const one of bad) {
    const content = Buffer.from(one.body ?? body)
    const headers = [
      one.first ?? target,
      one.host === undefined ? `Host: 127.0.0.1:${gateway.address.port}` : one.host,
      one.auth === undefined ? owner : one.auth,
      ...(one.headers ?? [json]),
      `Content-Length: ${content.length}`,
      'Connection: close',
    ].filter((line) => line !== null)
    const answer = await raw(gateway, Buffer.concat([Buffer.from(`${headers.join('\r\n')}\r\n\r\n`), content]))
    const told = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4) || '{}')
    seen.push(`${one.what}: ${statusIn(answer)} ${typeof told.error?.code}`)
  }
  expect(seen).toEqual(bad.map(({ what, status }) => `${what}: ${status} string`))
  expect((await post('/agents/echo/run_sync', { prompt: 'a' })).status).toBe(200)
})

test('every role does what it is for and no more, and an agent that is not allowed is not told', async () => {
  const { call, post } = await serve()
  const [, runner, , reader] = tokens.map(({ token }) => token)
  const statuses = await Promise.all([
    post('/agents/echo/run_sync', { prompt: 'a' }, { token: runner as string }),
    post('/agents/echo/events', { type: 'agent.restart' }, { token: runner as string }),
    post('/agents/nobody/run_sync', { prompt: 'a' }, { token: runner as string }),
    call('/metrics', { token: runner as string }),
    post('/agents/echo/run_sync', { prompt: 'a' }, { token: reader as string }),
    call('/agents', { token: reader as string }),
  ])
  expect(statuses.map(({ status }) => status)).toEqual([200, 403, 403, 403, 403, 200])
})

test('what a route answers tells browsers to keep out, and pages that are listed may call', async () => {
  const { call } = await serve({ origins: ['https://app.example'] })
  const plain = await call('/agents')
  expect(Object.fromEntries(plain.headers)).toMatchObject({
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  })
  expect(plain.headers.get('access-control-allow-origin')).toBeNull()
  const asked = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
  const preflight = await call('/agents/echo/run_sync', { method: 'OPTIONS', headers: asked, token: '' })
  expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, 'https://app.example'])
  const answer = await call('/agents', { headers: { origin: 'https://app.example' } })
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, 'https://app.example'])
})

test('HEAD answers as GET without a body, and a wrong method names the right ones', async () => {
  const { call } = await serve()
  const head = await call('/agents', { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
  const wrong = await call('/agents/echo/run_sync', { method: 'GET' })
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST'])
})

test('requests that come at once on one connection are answered in their order', async () => {
  const { gateway } = await serve()
  const one = (prompt: string, connection: string) => {
    const content = JSON.stringify({ prompt })
    const head = [target, `Host: 127.0.0.1:${gateway.address.port}`, owner, json, `Content-Length: ${content.length}`]
    return `${[...head, `Connection: ${connection}`].join('\r\n')}\r\n\r\n${content}`
  }
  const answers = await raw(gateway, one('first', 'keep-alive') + one('second', 'close'))
  expect(answers.match(/"prompt":"\w+"/g)).toEqual(['"prompt":"first"', '"prompt":"second"'])
})

test('a gateway that would let everybody in from elsewhere is not made', async () => {
  const axon = await newAxon().start()
  await expect(createGateway(axon, { host: '0.0.0.0', auth: false })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  await expect(createGateway(axon, { tokens: [{ token: 'short' }] })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('a token that was made is the only one that opens', async () => {
  const { gateway, call } = await serve({ tokens: undefined })
  expect(gateway.token).toMatch(/^axon_[\w-]{43}$/)
  expect((await call('/agents', { token: gateway.token as string })).status).toBe(200)
  expect((await call('/agents')).status).toBe(401)
  expect(statusIn(await raw(gateway, lines(gateway, 'GET /agents HTTP/1.1', [])))).toBe(401)
})
