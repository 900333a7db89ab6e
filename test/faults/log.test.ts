/** A log that takes nothing: its disk is full, or nobody reads it. Runs are answered all the same, and what is missing is counted. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { cacheDir, fixtures, root, scratch } from '../e2e/axon.ts'
import { demand, onSmallDisk, smallDisks } from './needs.ts'

for (const how of ['sync', 'async']) {
  test(`a log on a full disk (${how}) is told, and ends nothing; with room it goes on, and says how much is missing`, async (context) => {
    demand(context, smallDisks)
    const disk = scratch()
    const program = [process.execPath, join(fixtures, 'full-disk-log.ts'), disk, cacheDir, how]
    const { answered, whileFull, told, dropped, lines } = JSON.parse(await onSmallDisk(context, disk, '1m', program))
    expect({ answered, whileFull, told }).toEqual({
      answered: 50,
      whileFull: ['log.failed'],
      told: ['log.failed', 'log.restored'],
    })
    expect(dropped).toBeGreaterThan(100)
    expect(lines.slice(lines.indexOf('log.restored'))).toContain('system.closed')
  })
}

/** `axon serve` with an agent that says as many lines as it is asked for, whose log goes to `stderr`. */
async function serve(stderr: 'pipe' | number) {
  const cwd = scratch()
  writeFileSync(
    join(cwd, 'talker.py'),
    'def agent(prompt):\n    print(("x" * 1_000 + "\\n") * int(prompt))\n    return prompt\n',
  )
  writeFileSync(join(cwd, 'axon.config.json'), JSON.stringify({ agents: { talker: { module: 'talker' } } }))
  const child: ChildProcess = spawn(process.execPath, [join(root, 'bin/axon.js'), 'serve', '--json', '--no-auth'], {
    cwd,
    env: { ...process.env, AXON_CACHE_DIR: cacheDir, AXON_LOG_LEVEL: 'trace' },
    stdio: ['ignore', 'pipe', stderr],
  })
  const exit = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exit
  })
  const [line] = await once(createInterface(child.stdout as Readable), 'line')
  const { url } = JSON.parse(line)
  const ask = async (prompt: string) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/agents/talker/run_sync`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ prompt }),
    })
    return { status: response.status, body: await response.json() }
  }
  const figure = async (name: string) => {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
  }
  return { child, exit, ask, figure }
}

test('axon serve whose log nobody reads answers, counts what it drops, goes on when it is read, and ends though it is not', {
  timeout: 300_000,
}, async () => {
  const { child, exit, ask, figure } = await serve('pipe')
  await vi.waitFor(
    async () => {
      expect(await ask('1000')).toMatchObject({ status: 200, body: { result: '1000' } })
      expect(await figure('axon_log_failing')).toBe(1)
    },
    { timeout: 60_000, interval: 1 },
  )
  const stderr = child.stderr as Readable
  stderr.resume()
  await vi.waitFor(async () => expect(await figure('axon_log_dropped_total')).toBeGreaterThan(0), { timeout: 60_000 })
  stderr.pause()
  await vi.waitFor(
    async () => {
      expect(await ask('1000')).toMatchObject({ status: 200 })
      expect(await figure('axon_log_failing')).toBe(1)
    },
    { timeout: 60_000, interval: 1 },
  )
  child.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
})

test('axon serve whose log is on a full disk answers, and ends as it should', async () => {
  const full = openSync('/dev/full', 'w')
  const { child, exit, ask, figure } = await serve(full)
  closeSync(full)
  for (let n = 0; n < 10; n += 1) expect(await ask('1')).toMatchObject({ status: 200, body: { result: '1' } })
  expect(await figure('axon_log_failing')).toBe(1)
  child.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
})
