import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'

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

const ask = (url: string, token?: string) =>
  fetch(`${url}/agents/echo/run_sync`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
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
