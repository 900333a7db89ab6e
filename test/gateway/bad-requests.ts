/**
 * Owns the requests that the gateway refuses, one after the other; docs/gateway.md has the table of them with status and code.
 */
import { tokens } from './gateway.ts'

export const owner = `Authorization: Bearer ${tokens[0].token}`
export const json = 'Content-Type: application/json'
export const body = '{"prompt":"a"}'
export const target = 'POST /agents/echo/run_sync HTTP/1.1'

export interface BadRequest {
  what: string
  first?: string
  /** Instead of the right ones. */
  host?: string | null
  auth?: string | null
  headers?: string[]
  body?: string | Buffer
}

const deep = (depth: number) => `{"prompt":"a","deps":${'['.repeat(depth)}${']'.repeat(depth)}}`

export const badRequests: BadRequest[] = [
  { what: 'no token', auth: null },
  { what: 'a wrong token', auth: 'Authorization: Bearer token-of-the-ownes' },
  { what: 'the beginning of a token', auth: 'Authorization: Bearer token-of-the-owne' },
  { what: 'a token of 2 000 characters', auth: `Authorization: Bearer ${'a'.repeat(2_000)}` },
  { what: 'another scheme', auth: 'Authorization: Basic dG9rZW4=' },
  { what: 'no token, and a body that is no JSON', auth: null, body: '{' },
  { what: 'another host', host: 'Host: evil.example' },
  { what: 'a host that begins as the right one', host: 'Host: 127.0.0.1.evil.example' },
  {
    what: 'another host at a route without a token',
    host: 'Host: evil.example',
    first: 'GET /healthz HTTP/1.1',
  },
  { what: 'two hosts', headers: ['Host: evil.example'] },
  { what: 'no host', host: null },
  { what: 'another origin', headers: ['Origin: https://evil.example'] },
  { what: 'the origin null', headers: ['Origin: null'] },
  { what: 'an absolute target', first: 'POST http://evil.example/agents/echo/run_sync HTTP/1.1' },
  { what: 'a form', headers: ['Content-Type: application/x-www-form-urlencoded'] },
  { what: 'plain text', headers: ['Content-Type: text/plain'] },
  { what: 'no content type', headers: [] },
  { what: 'another charset', headers: ['Content-Type: application/json; charset=latin1'] },
  { what: 'JSON that breaks off', body: '{"prompt":' },
  { what: 'an empty body', body: '' },
  { what: 'NaN', body: '{"prompt":"a","deps":NaN}' },
  { what: 'UTF-8 that is none', body: Buffer.from([0x22, 0xff, 0x22]) },
  { what: 'half of a surrogate pair', body: '{"prompt":"\\ud800"}' },
  { what: 'a key __proto__', body: '{"prompt":"a","deps":{"__proto__":{"x":1}}}' },
  { what: 'a key __proto__ that is escaped', body: '{"prompt":"a","deps":{"\\u005f_proto__":{"x":1}}}' },
  { what: 'nesting of 65', body: deep(64) },
  { what: 'nesting of 500 000', body: deep(500_000) },
  { what: 'a body above 1 MiB', body: `{"prompt":"${'a'.repeat(2 ** 20)}"}` },
  { what: 'headers above 16 KiB', headers: [json, `X-Long: ${'a'.repeat(20_000)}`] },
  { what: 'JSON that is no request', body: '[]' },
  { what: 'a request with an unknown field', body: '{"prompt":"a","promt":"b"}' },
  { what: 'both lengths', headers: [json, 'Transfer-Encoding: chunked'] },
  { what: 'two lengths', headers: [json, 'Content-Length: 0'] },
  { what: 'a line break in a header', headers: [json, 'X-A: b\rX-B: c'] },
  { what: 'a space before a colon', headers: [json, 'Transfer-Encoding : chunked'] },
  { what: 'an agent that is not there', first: 'POST /agents/nobody/run_sync HTTP/1.1' },
  { what: 'an agent of no name', first: 'POST /agents/..%2fecho/run_sync HTTP/1.1' },
  { what: 'a name that breaks off', first: 'POST /agents/%zz/run_sync HTTP/1.1' },
  { what: 'an address that is not there', first: 'POST /admin HTTP/1.1' },
  { what: 'another method', first: 'PUT /agents/echo/run_sync HTTP/1.1' },
  { what: 'no HTTP', first: 'HELLO' },
  { what: 'a key of idempotency that is none', headers: [json, `Idempotency-Key: ${'k'.repeat(256)}`] },
]
