import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { startTimeOf } from '../../../src/runtime/process/identity.ts'
import { findMarked, sweepMarked } from '../../../src/runtime/process/marked.ts'

let marks = 0

function newMark(): string {
  marks += 1
  return `AXON_SYSTEM=marked-${process.pid}-${marks}`
}

/** A process that has been executed: before that it shows its parent's environment, and in the middle of it none. */
async function marked(mark: string): Promise<ChildProcess & { pid: number }> {
  const [name = '', value] = mark.split('=')
  const child = spawn('cat', { env: { ...process.env, [name]: value } })
  child.stdin.write('\n')
  await once(child.stdout, 'data')
  onTestFinished(() => void child.kill('SIGKILL'))
  return child as ChildProcess & { pid: number }
}

test('every process that carries the mark is ended and counted, and no other', async () => {
  const [mark, other] = [newMark(), newMark()]
  const [one, two, stays] = [await marked(mark), await marked(mark), await marked(other)]
  const exits = Promise.all([once(one, 'exit'), once(two, 'exit')])
  expect(await sweepMarked(mark)).toBe(2)
  expect(await exits).toEqual([
    [null, 'SIGKILL'],
    [null, 'SIGKILL'],
  ])
  expect(findMarked(other)).toEqual([{ pid: stays.pid, startTime: startTimeOf(stays.pid) }])
})

test('a mark that only begins like it is another', async () => {
  const mark = newMark()
  const longer = await marked(`${mark}0`)
  expect(await sweepMarked(mark)).toBe(0)
  expect(startTimeOf(longer.pid)).toBeDefined()
})

test('a process that has ended and is not reaped is not found', async () => {
  const mark = newMark()
  const child = await marked(mark)
  child.kill('SIGKILL')
  // Nothing is reaped until this function gives way to the event loop.
  while (!readFileSync(`/proc/${child.pid}/stat`, 'latin1').includes(') Z ')) {}
  expect(findMarked(mark)).toEqual([])
  await once(child, 'exit')
})
