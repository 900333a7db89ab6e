import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { statOf } from '../../src/runtime/process/identity.ts'
import { cacheDir, fixtures } from './axon.ts'

/** Longer than a suspect of test/fixtures/paused.ts is left to wait, and than a heartbeat takes to come. */
const pauseMs = 2_500

test('what was silent while Node itself was paused is asked, and not ended', async () => {
  const program = join(fixtures, 'paused.ts')
  const node = spawn(process.execPath, [program, cacheDir, fixtures], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void node.kill('SIGKILL'))
  const lines = createInterface({ input: node.stdout })[Symbol.asyncIterator]()
  const agentPid = Number((await lines.next()).value)
  // It stops itself; nobody tells of it.
  await vi.waitFor(() => expect(statOf(node.pid as number)?.state).toBe('T'), { timeout: 30_000, interval: 5 })
  process.kill(agentPid, 'SIGCONT')
  // The pause is what is tried here.
  await setTimeout(pauseMs)
  node.kill('SIGCONT')
  const { told, answeredBy } = JSON.parse(String((await lines.next()).value))
  expect(told).not.toContain('agent.crashed')
  expect(told).toContain('agent.recovered')
  expect(answeredBy).toBe(agentPid)
  await once(node, 'exit')
})
