import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { startTimeOf } from '../../src/runtime/process/identity.ts'
import { findMarked } from '../../src/runtime/process/marked.ts'
import { cacheDir, fixtures } from './axon.ts'

test('when Node is killed, host, agents, their daemons and the sockets are gone', async () => {
  const program = join(fixtures, 'killed.ts')
  const node = spawn(process.execPath, [program, cacheDir, fixtures], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(node.stdout, 'data')) as [Buffer]
  const { system, runtimeDir, pids, daemons } = JSON.parse(String(line))
  // Guard, host, two agents, and the daemon that kept its environment; the process that the host keeps ahead may be there already.
  expect([5, 6]).toContain(findMarked(`AXON_SYSTEM=${system}`).length)
  expect(pids.map(startTimeOf)).not.toContain(undefined)
  expect(daemons.map(startTimeOf)).not.toContain(undefined)

  node.kill('SIGKILL')
  await once(node, 'exit')
  // Nobody is told of the end of processes that are not one's own.
  await vi.waitFor(
    () => {
      expect(findMarked(`AXON_SYSTEM=${system}`)).toEqual([])
      expect(existsSync(runtimeDir)).toBe(false)
    },
    { timeout: 10_000, interval: 5 },
  )
  expect([...pids, ...daemons].map(startTimeOf)).toEqual([undefined, undefined, undefined, undefined])
})
