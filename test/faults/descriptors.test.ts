import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Pool } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { findMarked } from '../../src/runtime/process/marked.ts'
import { cacheDir, fixtures } from '../e2e/axon.ts'

const openFiles = 96

/** The Node of test/fixtures/starved.ts: each line is answered by a value. */
async function startStarved() {
  const command = `ulimit -n ${openFiles}; exec "$@"`
  const program = [process.execPath, join(fixtures, 'starved.ts'), cacheDir, fixtures]
  const node = spawn('sh', ['-c', command, 'sh', ...program], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void node.kill('SIGKILL'))
  const exited = once(node, 'exit')
  const lines = createInterface({ input: node.stdout })[Symbol.asyncIterator]()
  const answer = async () => JSON.parse((await lines.next()).value ?? '"it ended"')
  const { system, url } = await answer()
  const does = (deed: string, count = 0) => {
    node.stdin.write(`${deed} ${count}\n`)
    return answer()
  }
  const end = () => {
    node.stdin.end()
    return exited
  }
  return { system, url, does, end }
}

function post(pool: Pool) {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ prompt: 'hi' })
  return pool.request({ method: 'POST', path: '/agents/echo/run_sync', headers, body }).then(async (response) => {
    await response.body.dump()
    return response.statusCode
  })
}

/** Whether a new connection is taken, so that a request on it has an answer. */
async function connectionOf(url: string): Promise<'open' | 'closed'> {
  const { port, hostname, host } = new URL(url)
  const socket = connect(Number(port), hostname)
  const state = new Promise<'open' | 'closed'>((resolve) => {
    socket.on('error', () => {})
    socket.once('data', () => resolve('open'))
    socket.once('close', () => resolve('closed'))
  })
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  return state.finally(() => socket.destroy())
}

test('Node without a descriptor answers every run, brings a crashed agent back when there are some again, and ends nothing', async () => {
  const { system, url, does, end } = await startStarved()
  const before = new Pool(url, { connections: 1 })
  onTestFinished(() => before.destroy())
  expect(await post(before)).toBe(200)
  expect(await does('run', 1)).toEqual(['ok'])

  await does('starve')
  expect(await post(before)).toBe(200)
  // What has its connection goes on, and what can have none did not begin.
  const results = await does('run', 40)
  expect(results).toHaveLength(40)
  for (const result of results) expect(['ok', { code: 'RUN_INTERRUPTED', started: false }]).toContainEqual(result)
  expect(results).toContain('ok')
  expect(await connectionOf(url)).toBe('closed')
  // No interpreter can be looked at, and with a few more no host be made.
  expect(await does('spawn')).toBe('ENV_OUT_OF_FILES')
  await does('free')
  await does('starve', 4)
  expect(await does('spawn')).toBe('PROCESS_SPAWN_FAILED')
  await does('free')
  await does('starve')
  expect(['ENV_OUT_OF_FILES', 'PROCESS_EXITED']).toContain(await does('kill'))
  expect(await does('run', 1)).toEqual([{ code: 'AGENT_BACKOFF', started: false }])

  await does('free')
  await does('ready')
  expect(await does('run', 40)).toEqual(Array(40).fill('ok'))
  expect(await connectionOf(url)).toBe('open')
  expect(await does('spawn')).toBe('ready')
  expect(await end()).toEqual([0, null])
  expect(findMarked(`AXON_SYSTEM=${system}`)).toEqual([])
})
