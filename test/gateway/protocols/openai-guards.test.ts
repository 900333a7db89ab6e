/** What no client of OpenAI's sends, in the shape that they read all the same. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, appears, scratch } from '../../e2e/axon.ts'
import { open } from '../../e2e/gate.ts'
import { serve } from '../gateway.ts'

const chat = '/v1/chat/completions'

test('what the guards refuse has the shape of the protocol, and its status', async () => {
  const { call, post } = await serve()
  const text = { method: 'POST', body: '{', headers: { 'content-type': 'text/plain' } }
  const refusals: [() => Promise<Response>, number, string][] = [
    [() => post(chat, {}, { token: '' }), 401, 'authentication_error'],
    [() => post(chat, {}, { headers: { origin: 'https://evil.example' } }), 403, 'permission_error'],
    [() => call(chat, { method: 'POST', body: '{' }), 400, 'invalid_request_error'],
    [() => call(chat, text), 415, 'invalid_request_error'],
    [() => post(chat, { messages: 'a'.repeat(2 ** 20) }), 413, 'invalid_request_error'],
    [() => post('/v1/responses', []), 400, 'invalid_request_error'],
    [() => call('/v1/models/nobody'), 404, 'invalid_request_error'],
  ]
  for (const [ask, status, type] of refusals) {
    const answer = await ask()
    expect([answer.status, answer.headers.get('x-should-retry')]).toEqual([status, 'false'])
    expect(await answer.json()).toEqual({
      error: { message: expect.any(String), type, param: expect.toSatisfy(isParam), code: expect.any(String) },
    })
  }
  expect((await call(chat)).status).toBe(405)
})

const isParam = (param: unknown) => param === null || typeof param === 'string'

test('the client in a page that may call has its headers let through, and sees whether to try again', async () => {
  const { call, post } = await serve({ origins: ['https://app.example'] })
  const origin = 'https://app.example'
  const asking = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-stainless-os' }
  const preflight = await call(chat, { method: 'OPTIONS', headers: asking })
  expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, 'Authorization, *'])
  const answer = await post(chat, {}, { headers: { origin } })
  expect(answer.headers.get('access-control-expose-headers')).toContain('X-Should-Retry')
})

test('a gateway that closes ends streams when they are done, and says when to come back', async () => {
  const { gateway, post } = await serve(
    { graceMs: 5_000 },
    { gate: agent('gate', { module: 'agents.gate:slow_words' }) },
  )
  const gate = join(scratch(), 'gate')
  const asked = { model: 'gate', messages: [{ role: 'user', content: gate }], stream: true }
  const stream = await post(chat, asked)
  await appears(`${gate}.waiting`)
  const closed = gateway.close()
  const refused = await post(chat, asked)
  expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('x-should-retry')]).toEqual([
    503,
    '1',
    'true',
  ])
  expect(await refused.json()).toMatchObject({ error: { type: 'server_error', code: 'GATEWAY_CLOSING' } })
  await open(gate)
  expect(await stream.text()).toMatch(/"after"[\s\S]*\[DONE\]\n\n$/)
  await closed
})
