/**
 * Owns the requests that the gateway refuses, one after the other; docs/gateway.md has the table of them with status and code.
 */
import { gzipSync } from 'node:zlib'
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
  length?: string | null
  headers?: string[]
  body?: string | Buffer
}

const chunked = 'Transfer-Encoding: chunked'
const deep = (depth: number) => `{"prompt":"a","deps":${'['.repeat(depth)}${']'.repeat(depth)}}`

/** A body as one chunk. */
function chunksOf(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`
}

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
  { what: 'a body that says it is compressed', headers: [json, 'Content-Encoding: gzip'], body: gzipSync(body) },
  {
    what: 'a bomb: 1 KiB that would be 1 MiB',
    headers: [json, 'Content-Encoding: gzip'],
    body: gzipSync(Buffer.alloc(2 ** 20)),
  },
  { what: 'a body that is compressed and does not say so', body: gzipSync(body) },
  { what: 'JSON that breaks off', body: '{"prompt":' },
  { what: 'an empty body', body: '' },
  { what: 'NaN', body: '{"prompt":"a","deps":NaN}' },
  { what: 'UTF-8 that is none', body: Buffer.from([0x22, 0xff, 0x22]) },
  { what: 'a mark of byte order', body: `\ufeff${body}` },
  { what: 'words behind the JSON', body: `${body} a` },
  { what: 'half of a surrogate pair in bytes', body: Buffer.from('{"prompt":"\xed\xa0\x80"}', 'latin1') },
  { what: 'half of a surrogate pair', body: '{"prompt":"\\ud800"}' },
  { what: 'a key __proto__', body: '{"prompt":"a","deps":{"__proto__":{"x":1}}}' },
  { what: 'a key __proto__ that is escaped', body: '{"prompt":"a","deps":{"\\u005f_proto__":{"x":1}}}' },
  { what: 'a key twice', body: '{"prompt":"a","prompt":"b"}' },
  { what: 'a key twice, once escaped, further in', body: '{"prompt":"a","deps":[{"a:b":1,"\\u0061:b":2}]}' },
  { what: 'a number of 5 000 digits', body: `{"prompt":"a","deps":${'1'.repeat(5_000)}}` },
  { what: 'a number of no size', body: '{"prompt":"a","deps":-1e999}' },
  { what: 'nesting of 65', body: deep(64) },
  { what: 'nesting of 500 000', body: deep(500_000) },
  { what: 'nesting of 1 000 000 that is not closed', body: '['.repeat(1_000_000) },
  { what: 'a body of one byte more than 1 MiB', body: body.replace('a', 'a'.repeat(2 ** 20 + 2 - body.length)) },
  { what: 'headers above 16 KiB', headers: [json, `X-Long: ${'a'.repeat(20_000)}`] },
  { what: 'JSON that is no request', body: '[]' },
  { what: 'a request with an unknown field', body: '{"prompt":"a","promt":"b"}' },
  { what: 'both lengths', headers: [json, 'Transfer-Encoding: chunked'] },
  { what: 'two lengths', headers: [json, 'Content-Length: 0'] },
  { what: 'one length twice', headers: [json, `Content-Length: ${body.length}`] },
  { what: 'a length of two numbers', length: `${body.length}, ${body.length}` },
  { what: 'a length with a sign', length: `+${body.length}` },
  { what: 'another coding than chunks', length: null, headers: [json, 'Transfer-Encoding: xchunked'] },
  {
    what: 'another coding below chunks',
    length: null,
    headers: [json, 'Transfer-Encoding: gzip, chunked'],
    body: chunksOf(body),
  },
  { what: 'chunks twice', length: null, headers: [json, chunked, chunked], body: chunksOf(body) },
  { what: 'a chunk that is longer than it says', length: null, headers: [json, chunked], body: '1\r\n{}\r\n0\r\n\r\n' },
  { what: 'a chunk of no size', length: null, headers: [json, chunked], body: 'x\r\n{}\r\n0\r\n\r\n' },
  {
    what: 'chunks that end in line feeds',
    length: null,
    headers: [json, chunked],
    body: chunksOf(body).replaceAll('\r', ''),
  },
  { what: 'a folded header', headers: [json, 'X-A: b\r\n c'] },
  { what: 'a line feed alone', headers: [json, 'X-A: b\nX-B: c'] },
  { what: 'a zero byte in a header', headers: [json, 'X-A: b\0c'] },
  { what: 'a line break in a header', headers: [json, 'X-A: b\rX-B: c'] },
  { what: 'a space before a colon', headers: [json, 'Transfer-Encoding : chunked'] },
  { what: 'an agent that is not there', first: 'POST /agents/nobody/run_sync HTTP/1.1' },
  { what: 'an agent of no name', first: 'POST /agents/..%2fecho/run_sync HTTP/1.1' },
  { what: 'an agent above', first: 'POST /agents/../echo/run_sync HTTP/1.1' },
  { what: 'an agent above, escaped', first: 'POST /agents/%2e%2e/run_sync HTTP/1.1' },
  { what: 'a zero byte in a name', first: 'POST /agents/echo%00/run_sync HTTP/1.1' },
  { what: 'a line break in a name', first: 'POST /agents/echo%0d%0aX-Own:%20a/run_sync HTTP/1.1' },
  { what: 'a name in other letters', first: 'POST /agents/ECHO/run_sync HTTP/1.1' },
  { what: 'the name __proto__', first: 'POST /agents/__proto__/run_sync HTTP/1.1' },
  { what: 'the name constructor', first: 'POST /agents/constructor/run_sync HTTP/1.1' },
  { what: 'a name of 10 000 letters', first: `POST /agents/${'a'.repeat(10_000)}/run_sync HTTP/1.1` },
  { what: 'a name that breaks off', first: 'POST /agents/%zz/run_sync HTTP/1.1' },
  { what: 'an address that is not there', first: 'POST /admin HTTP/1.1' },
  { what: 'another method', first: 'PUT /agents/echo/run_sync HTTP/1.1' },
  { what: 'no HTTP', first: 'HELLO' },
  { what: 'a key of idempotency that is none', headers: [json, `Idempotency-Key: ${'k'.repeat(256)}`] },
]
