import { once } from 'node:events'
import { connect } from 'node:net'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { createInspector, type Inspector, type InspectorOptions } from '../../src/index.ts'
import { liveProtocol } from '../../src/inspector/frames.ts'
import { agent, newAxon, next, slowly } from '../e2e/axon.ts'
import { openPage, PageClient } from './page-client.ts'

async function inspected(agents = { echo: agent('echo', { restart: slowly }) }, options: InspectorOptions = {}) {
  const axon = await newAxon({ agents }).start()
  const inspector = await createInspector(axon, options)
  onTestFinished(() => inspector.close())
  return { axon, inspector }
}

test('serves the page with its policy, and nothing else', async () => {
  const { inspector } = await inspected()
  const page = await fetch(inspector.url)
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/)
  expect(Object.fromEntries(page.headers)).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'cache-control': 'no-store',
  })
  const html = await page.text()
  const files = [...html.matchAll(/(?:src|href)="\.?\/?([^"#]+)"/g)].map(([, path]) => path as string)
  expect(files.length).toBeGreaterThanOrEqual(2)
  for (const path of files) expect([path, (await fetch(new URL(path, inspector.url))).status]).toEqual([path, 200])
  for (const path of ['/none.js', '/../package.json', '/..%2fpackage.json', '/frames.ts', '/live', '/%00'])
    expect([path, (await request(new URL(inspector.url).origin + path)).statusCode]).toEqual([path, 404])
  expect((await fetch(inspector.url, { method: 'POST' })).status).toBe(405)
  expect((await request(inspector.url, { headers: { host: 'evil.test' } })).statusCode).toBe(403)
})

test('a page is told who it is, the present, and what happens; its events reach agents', async () => {
  const { axon, inspector } = await inspected()
  const page = await openPage(inspector.url)
  const hello = await page.frame('hello')
  expect(hello).toMatchObject({ protocol: liveProtocol, role: 'operate', system: { pid: process.pid, id: axon.id } })
  expect(hello.caps).toContain('send')
  const actors = await page.present('@xstate.actor')
  const replica = actors.find(({ name }) => name === 'echo/0')
  expect(replica).toMatchObject({ kind: 'replica', agent: 'echo', snapshot: { value: 'ready' } })
  const sessionId = replica?.sessionId as string
  const [process0] = axon.agent('echo').snapshot()?.replicas ?? []
  const { pid, generation } = process0 as { pid: number; generation: string }

  const stale = await page.ask({ type: 'send', sessionId, generation: 'echo/0#9', event: { type: 'agent.restart' } })
  expect(stale).toMatchObject({ ok: false, error: { code: 'INSPECTOR_EVENT_REFUSED' } })
  const unlisted = await page.ask({ type: 'send', sessionId, generation, event: { type: 'process.exited' } })
  expect(unlisted).toMatchObject({ ok: false, error: { code: 'INSPECTOR_EVENT_REFUSED' } })

  process.kill(pid, 'SIGKILL')
  expect(await page.frame('crash')).toMatchObject({ sessionId, class: 'signal', signal: 'SIGKILL' })
  await page.frame('@xstate.snapshot', (frame) => frame.sessionId === sessionId && frame.snapshot.value === 'backoff')
  const ready = next(axon, 'agent.ready')
  expect(await page.ask({ type: 'send', sessionId, generation, event: { type: 'agent.start' } })).toMatchObject({
    ok: true,
  })
  expect((await ready).pid).not.toBe(pid)
})

test('a run from a page is told by its events, and its answer is there for who comes late', async () => {
  const { inspector } = await inspected({ echo: agent('echo'), gate: agent('gate') } as never)
  const page = await openPage(inspector.url)
  await page.frame('keyframe')
  const { run, ok } = await page.ask({ type: 'run.start', agent: 'echo', prompt: 'hello' })
  expect(ok).toBe(true)
  await page.ask({ type: 'watch', runs: [run as string] })
  const result = await page.frame('stream', (frame) => frame.run === run && frame.event === 'run.result')
  expect(JSON.stringify(result.data)).toContain('hello')
  expect(await page.ask({ type: 'run.start', agent: 'nobody', prompt: 'x' })).toMatchObject({
    ok: false,
    error: { code: 'AGENT_UNKNOWN' },
  })
  const late = await openPage(inspector.url)
  await late.frame('keyframe')
  await late.ask({ type: 'watch', runs: [run as string] })
  await late.frame('stream', (frame) => frame.event === 'run.result')
})

test('history is told from a number on, and ends with the answer', async () => {
  const { axon, inspector } = await inspected()
  const page = await openPage(inspector.url)
  await page.frame('keyframe')
  await axon.agent('echo').run({ prompt: 'x' })
  await page.frame('run', ({ status }) => status === 'succeeded')
  const again = await openPage(inspector.url)
  const { seq, oldestSeq } = await again.frame('hello')
  expect(await again.ask({ type: 'history', fromSeq: oldestSeq, toSeq: seq })).toMatchObject({ ok: true })
  const numbers = again.frames.flatMap((frame) =>
    'seq' in frame && frame.type !== 'keyframe' && frame.type !== 'hello' ? [frame.seq] : [],
  )
  expect(numbers.filter((one) => one <= seq)).toEqual(
    Array.from({ length: seq - oldestSeq + 1 }, (_, at) => oldestSeq + at),
  )
})

test('a page without a token, or with a wrong one, is closed, and only so many wait', async () => {
  const { inspector } = await inspected()
  const wrong = await new PageClient(inspector.url).open('a-token-that-is-wrong')
  expect(await wrong.closed).toBe(4001)
  const silent = await Promise.all(Array.from({ length: 8 }, () => new PageClient(inspector.url).open(undefined)))
  const refused = await Promise.all(
    Array.from({ length: 92 }, async () => {
      const socket = new WebSocket(`ws://${new URL(inspector.url).host}/live`, liveProtocol)
      const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }]
      return response.statusCode
    }),
  )
  expect(new Set(refused)).toEqual(new Set([503]))
  expect(await Promise.all(silent.map(({ closed }) => closed))).toEqual(Array(8).fill(4001))
  const page = await openPage(inspector.url)
  await page.frame('hello')
})

test.each([
  ['a page of elsewhere', { origin: 'https://evil.test' }, '/live', 403],
  ['a name that leads here', { host: 'evil.test' }, '/live', 403],
  ['another path', {}, '/other', 404],
  ['an inspector without its token', {}, '/inspect', 401],
  ['an inspector with the token of the page', {}, '/inspect?token=', 401],
  ['an inspector of elsewhere', { origin: 'https://evil.test' }, '/inspect?token=', 403],
] as const)('%s gets no socket', async (_, headers, path, status) => {
  const { inspector } = await inspected({} as never)
  const token = path.endsWith('=') ? inspector.token : ''
  const socket = new WebSocket(`ws://${new URL(inspector.url).host}${path}${token}`, liveProtocol, { headers })
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }]
  expect(response.statusCode).toBe(status)
})

const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
test.each([
  ['binary', Buffer.from('{}'), 1003],
  ['too long', Buffer.from(`"${'x'.repeat(2 ** 20)}"`), 1009],
  ['no JSON', '{', 1008],
  ['nested too deep', `{"ref":1,"type":"history","fromSeq":${deep}}`, 1008],
  ['no object', '7', 1008],
  ['without a number', '{"type":"history","fromSeq":1}', 1008],
  ['__proto__', '{"ref":1,"type":"history","fromSeq":1,"__proto__":{"ref":2}}', 1008],
])('a message that is %s closes the page, and only that', async (_, message, code) => {
  const { inspector } = await inspected({} as never)
  const page = await openPage(inspector.url)
  await page.frame('hello')
  page.socket.send(message, { binary: code === 1003 })
  expect(await page.closed).toBe(code)
  await (await openPage(inspector.url)).frame('hello')
})

test('what is JSON and no command is answered with the reason', async () => {
  const { inspector } = await inspected({} as never)
  const page = await openPage(inspector.url)
  await page.frame('hello')
  const wrong = [
    { type: 'system.close' },
    { type: 'history', fromSeq: -1 },
    { type: 'history', fromSeq: 1, more: true },
    { type: 'watch', actors: Array(201).fill('x') },
    { type: 'send', sessionId: 'x:1', event: { type: 'agent.stop', agent: 'echo' } },
    { type: 'run.cancel', run: 'x'.repeat(70_000) },
  ]
  for (const command of wrong)
    expect(await page.ask(command)).toMatchObject({ ok: false, error: { code: 'INSPECTOR_COMMAND_INVALID' } })
  const gone = await page.ask({ type: 'send', sessionId: 'x:999', event: { type: 'agent.stop' } })
  expect(gone).toMatchObject({ ok: false, error: { code: 'INSPECTOR_EVENT_REFUSED' } })
  const flood = await Promise.all(Array.from({ length: 150 }, () => page.ask({ type: 'unwatch' })))
  expect(flood.filter(({ ok }) => !ok).map(({ error }) => error?.code)).toContain('INSPECTOR_BUSY')
})

test('nothing is left when it is closed, and pages are told when the system ends', async () => {
  const { axon, inspector } = await inspected()
  const page = await openPage(inspector.url)
  await page.frame('keyframe')
  await axon.close()
  await page.frame('closed')
  expect(await page.closed).toBe(4010)
  const half = connect(Number(new URL(inspector.url).port), '127.0.0.1')
  await once(half, 'connect')
  const ended = once(half, 'close')
  await inspector.close()
  await ended
  await inspector.close()
  await expect(fetch(inspector.url)).rejects.toThrow()
})

test.each([
  ['an option that there is not', { prot: 1 }, /no option prot/],
  ['a token that is short', { token: 'short' }, /token/],
  ['an address of elsewhere', { host: '0.0.0.0' }, /loopback addresses only/],
] as const)('refuses %s', async (_, options, message) => {
  const axon = newAxon()
  await expect(createInspector(axon, options as never)).rejects.toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
  )
})

test('refuses a port that is taken', async () => {
  const { axon, inspector } = await inspected({} as never)
  const port = Number(new URL(inspector.url).port)
  const second: Promise<Inspector> = createInspector(axon, { port })
  await expect(second).rejects.toMatchObject({ code: 'PORT_IN_USE' })
})
