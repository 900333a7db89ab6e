import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { PageClient } from '../inspector/page-client.ts'

const root = join(import.meta.dirname, '../..')
const env = { ...process.env, AXON_CACHE_DIR: join(root, 'node_modules/.cache/axon-e2e'), NO_COLOR: '1' }

function serve(args: readonly string[], variables: NodeJS.ProcessEnv = {}) {
  const cwd = mkdtempSync(join(tmpdir(), 'axon-serve-'))
  writeFileSync(join(cwd, 'echo.py'), 'def agent(prompt):\n    return prompt\n')
  writeFileSync(join(cwd, 'axon.config.json'), JSON.stringify({ agents: { echo: { module: 'echo' } } }))
  const child = spawn(process.execPath, [join(root, 'bin/axon.js'), 'serve', ...args], {
    cwd,
    env: { ...env, ...variables },
  })
  const exit = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exit
    rmSync(cwd, { recursive: true, force: true })
  })
  const first = once(createInterface(child.stdout), 'line').then(([line]) => line as string)
  const errors = text(child.stderr)
  return { child, exit, first, errors }
}

const ask = (url: string, token?: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/agents/echo/run_sync`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ prompt: 'hi' }),
  })

test('serves the agents of the configuration, says where in one line of JSON, and ends by SIGTERM', async () => {
  const { child, exit, first } = serve(['--port', '0', '--no-auth', '--json'])
  const { url, pid } = JSON.parse(await first)
  expect(pid).toBe(child.pid)
  const answer = await ask(url)
  expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ result: 'hi' })])
  child.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
})

test('makes a token where none is given, and tells it once, on standard error', async () => {
  const { child, exit, first, errors } = serve([])
  const url = await first
  expect((await ask(url)).status).toBe(401)
  child.kill('SIGINT')
  await exit
  expect((await errors).match(/axon_[\w-]{43}/g)).toHaveLength(1)
})

test('takes its tokens from the environment, and shows none of them', async () => {
  const token = 'a-token-that-is-long-enough'
  const { child, exit, first, errors } = serve(['--json'], { AXON_GATEWAY_TOKENS: token })
  const { url } = JSON.parse(await first)
  expect((await ask(url, token)).status).toBe(200)
  child.kill('SIGTERM')
  await exit
  expect(await errors).not.toContain(token)
})

test('refuses to serve everybody without a token', async () => {
  const { exit, errors } = serve(['--host', '0.0.0.0', '--no-auth'])
  expect(await exit).toEqual([2, null])
  expect(await errors).toMatch(/^CONFIG_INVALID .*loopback/m)
})

test('takes all of its options from the environment, and writes its log as lines of JSON', async () => {
  const { child, exit, first, errors } = serve(['--json', '--no-auth'], {
    AXON_GATEWAY_HOST: 'localhost',
    AXON_GATEWAY_PORT: '0',
    AXON_GATEWAY_ALLOW_HOST: 'probe,agents.test:8080',
    AXON_GATEWAY_ORIGIN: 'https://app.test',
    AXON_GATEWAY_GRACE_MS: '1000',
    AXON_LOG_LEVEL: 'debug',
  })
  const { url } = JSON.parse(await first)
  expect(new URL(url).hostname).toBe('localhost')
  const answer = await fetch(`${url}/healthz`, { headers: { origin: 'https://app.test' } })
  expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.test')
  for (const [host, status] of Object.entries({ probe: 200, 'agents.test:8080': 200, 'other.test': 403 }))
    expect([host, (await request(`${url}/readyz`, { headers: { host } })).statusCode]).toEqual([host, status])
  child.kill('SIGTERM')
  await exit
  const lines = (await errors).trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).event ?? JSON.parse(line).msg)).toContain('agent.ready')
})

test('figures for Prometheus count what was run, and a run belongs to the trace of its request', async () => {
  const { child, exit, first, errors } = serve(['--json', '--no-auth'], { AXON_LOG_LEVEL: 'debug' })
  const { url } = JSON.parse(await first)
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const answer = await ask(url, undefined, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` })
  expect(answer.status).toBe(200)
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^axon_runs_total\{.*agent="echo".*\} 1$/m)
  child.kill('SIGTERM')
  await exit
  expect(await errors).toContain(`"trace_id":"${traceId}"`)
})

test('serves the live page to who has a token, and not with --no-page', async () => {
  const token = 'a-token-that-is-long-enough'
  const { first } = serve(['--json'], { AXON_GATEWAY_TOKENS: token })
  const { url } = JSON.parse(await first)
  expect(await (await fetch(url)).text()).toContain('page.js')
  const page = await new PageClient(url).open(token)
  expect((await page.present('@xstate.actor')).map(({ name }) => name)).toContain('echo/0')
  const without = serve(['--json', '--no-page'], { AXON_GATEWAY_TOKENS: token })
  const answer = await fetch(JSON.parse(await without.first).url, { headers: { authorization: `Bearer ${token}` } })
  expect(answer.status).toBe(404)
})
