import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { findMarked } from '../../src/runtime/process/marked.ts'
import { cacheDir, fixtures, scratch } from './axon.ts'
import { gone, isRunning, startVictim } from './victims.ts'

test('when Node is killed, host, agents, their daemons and the sockets are gone', async () => {
  const { node, system, runtimeDir, pids, daemons } = await startVictim(scratch(), ['', 'bare'])
  // Guard, host, two agents, and the daemon that kept its environment; the process that the host keeps ahead may be there already,
  // and one that is just being executed shows no environment.
  await vi.waitFor(() => expect([5, 6]).toContain(findMarked(`AXON_SYSTEM=${system}`).length), {
    timeout: 10_000,
    interval: 5,
  })
  expect([...pids, ...daemons].map(isRunning)).not.toContain(false)

  node.kill('SIGKILL')
  await once(node, 'exit')
  await vi.waitFor(
    () => {
      expect(findMarked(`AXON_SYSTEM=${system}`)).toEqual([])
      expect(existsSync(runtimeDir)).toBe(false)
    },
    { timeout: 10_000, interval: 5 },
  )
  expect([...pids, ...daemons].map(isRunning)).not.toContain(true)
})

test('a Node that exits without closing leaves nothing either, not even its record', async () => {
  const stateDir = scratch()
  const { node, runtimeDir, guards, pids, daemons } = await startVictim(stateDir)
  expect(readdirSync(join(stateDir, 'systems'))).toHaveLength(1)
  node.stdin?.write('exit\n')
  expect(await once(node, 'exit')).toEqual([0, null])
  expect(readdirSync(join(stateDir, 'systems'))).toEqual([])
  await gone([...guards, ...pids, ...daemons])
  expect(existsSync(runtimeDir)).toBe(false)
})

test('a Node that is killed in the moment in which it has made the directory of its sockets leaves none', async () => {
  const [stateDir, runtimeDir] = [scratch(), scratch()]
  const program = join(fixtures, 'killed-at-mkdir.ts')
  const node = spawn(process.execPath, [program, cacheDir, fixtures, stateDir, runtimeDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [made] = (await once(node.stdout, 'data')) as [Buffer]
  expect(String(made).startsWith(join(runtimeDir, 'axon-'))).toBe(true)
  await vi.waitFor(() => expect(readdirSync(runtimeDir)).toEqual([]), { timeout: 10_000, interval: 5 })
  expect(node.signalCode).toBe('SIGKILL')
  // Its record tells the next boot whom to look for.
  expect(readdirSync(join(stateDir, 'systems'))).toHaveLength(1)
})
