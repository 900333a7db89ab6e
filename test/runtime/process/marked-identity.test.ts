import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import * as identity from '../../../src/runtime/process/identity.ts'
import { sweepMarked } from '../../../src/runtime/process/marked.ts'

vi.mock(import('../../../src/runtime/process/identity.ts'), { spy: true })

test('a process id that was given to another process before the signal is not signalled', async () => {
  // What it repeats it was told after it was executed: in the middle of that it shows no environment.
  const child = spawn('cat', { env: { ...process.env, AXON_SYSTEM: 'reused' } })
  child.stdin.write('\n')
  await once(child.stdout, 'data')
  onTestFinished(() => void child.kill('SIGKILL'))
  const startTimeOf = vi.mocked(identity.startTimeOf)
  const real = startTimeOf.getMockImplementation()
  // Each time it is asked for, the process is another one: as if ids were used again that fast.
  let asked = 0
  startTimeOf.mockImplementation((pid) => {
    if (pid !== child.pid) return real?.(pid)
    asked += 1
    return String(asked)
  })
  const swept = sweepMarked('AXON_SYSTEM=reused')
  // It was looked at in the first scan already.
  expect(asked).toBe(2)
  startTimeOf.mockRestore()
  expect(child.signalCode).toBeNull()
  expect(await swept).toBe(1)
})
