import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startTimeOf } from '../../../src/runtime/process/identity.ts'

const hasProc = process.platform === 'linux'

test.runIf(hasProc)('a process has one start time as long as it lives', () => {
  const time = startTimeOf(process.pid)
  expect(time).toMatch(/^\d+$/)
  expect(startTimeOf(process.pid)).toBe(time)
})

test.runIf(hasProc)('two processes that follow each other differ', async () => {
  const sleeper = spawn('sleep', ['60'])
  expect(Number(startTimeOf(sleeper.pid as number))).toBeGreaterThan(Number(startTimeOf(process.pid)))
  sleeper.kill('SIGKILL')
  await once(sleeper, 'exit')
  expect(startTimeOf(sleeper.pid as number)).toBeUndefined()
})

test.runIf(hasProc)('a process that has ended and is not reaped is still itself', async () => {
  const child = spawn('sleep', ['60'])
  const pid = child.pid as number
  const time = startTimeOf(pid)
  child.kill('SIGKILL')
  // Nothing is reaped until this function gives way to the event loop.
  while (!readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')) {}
  expect(startTimeOf(pid)).toBe(time)
  await once(child, 'exit')
})

test('a process that is not there has none', () => {
  expect(startTimeOf(2 ** 22 + 1)).toBeUndefined()
})
