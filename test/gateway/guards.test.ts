import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createGateway } from '../../src/index.ts'
import { newAxon } from '../e2e/axon.ts'
import { badRequests, body, json, owner, target } from './bad-requests.ts'
import { lines, raw, serve, tokens } from './gateway.ts'

const page = readFileSync(new URL('../../docs/gateway.md', import.meta.url), 'utf8')
const statusIn = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

test('whatever is wrong with a request is refused as the table of docs/gateway.md says, in one shape, and the gateway goes on', async () => {
  const { axon, gateway, post } = await serve()
  const accepted: string[] = []
  axon.on('run.accepted', ({ run }) => accepted.push(run))
  const seen: string[] = []
  for (const one of badRequests) {
    const content = Buffer.from(one.body ?? body)
    const headers = [
      one.first ?? target,
      one.host === undefined ? `Host: 127.0.0.1:${gateway.address.port}` : one.host,
      one.auth === undefined ? owner : one.auth,
      ...(one.headers ?? [json]),
      one.length === null ? null : `Content-Length: ${one.length ?? content.length}`,
      'Connection: close',
    ].filter((line) => line !== null)
    const answer = await raw(gateway, Buffer.concat([Buffer.from(`${headers.join('\r\n')}\r\n\r\n`), content]))
    const { error } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4) || '{}')
    seen.push(`| ${one.what} | ${statusIn(answer)} | \`${error?.code}\` |`)
  }
  expect(accepted).toEqual([])
  expect({}).not.toHaveProperty('x')
  expect(seen).toEqual(page.match(/^\| .+ \| \d{3} \| `[A-Z_]+` \|$/gm))
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

test('a token that was made is the only one that opens, and only while its gateway is there', async () => {
  const earlier = await serve({ tokens: undefined })
  await earlier.gateway.close()
  const { gateway, call } = await serve({ tokens: undefined })
  expect(gateway.token).toMatch(/^axon_[\w-]{43}$/)
  expect((await call('/agents', { token: earlier.gateway.token as string })).status).toBe(401)
  expect((await call('/agents', { token: gateway.token as string })).status).toBe(200)
  expect((await call('/agents')).status).toBe(401)
  expect(statusIn(await raw(gateway, lines(gateway, 'GET /agents HTTP/1.1', [])))).toBe(401)
})
