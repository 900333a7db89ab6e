import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { cacheDir, fixtures } from './axon.ts'

const gibi = 1024 ** 3
const mebi = 1024 ** 2
const theEnd = 'the end'.length

/** What test/fixtures/flooded.ts saw, in a Node of its own: memory is a process's. */
async function flooded(form: 'lines' | 'line', maxGrownRss: number) {
  const program = join(fixtures, 'flooded.ts')
  const { stdout } = await execa(process.execPath, ['--expose-gc', program, cacheDir, fixtures, String(gibi), form])
  const seen = JSON.parse(stdout)
  expect(seen).toMatchObject({ servedWhileFlooding: true, state: 'ready', restarts: 0 })
  // Heartbeats come every 2 s, later where their thread waits for a processor; the first and the last second may have none.
  expect(seen.beats).toBeGreaterThanOrEqual(Math.floor(seen.seconds / 3) - 1)
  expect(seen.grownRss).toBeLessThan(maxGrownRss)
  expect(seen.grownHeap).toBeLessThan(10 * mebi)
  return seen
}

test('1 GiB on one line: 16 KiB of it are told, the rest is counted, memory is bounded, and the agent serves and beats', {
  timeout: 300_000,
}, async () => {
  const seen = await flooded('line', 50 * mebi)
  expect(seen).toMatchObject({ lines: 2, bytes: 16 * 1024 + theEnd, longest: 16 * 1024 })
  expect(seen.droppedBytes).toBe(gibi - 16 * 1024)
})

test('1 GiB in lines: every line is told, memory is bounded, and the runs of another agent go on', {
  timeout: 300_000,
}, async () => {
  // A million lines a second are garbage at once; V8 gives its young generation up to 100 MB for that.
  const seen = await flooded('lines', 150 * mebi)
  // 100 bytes a line with its end, in pieces of 10,485 lines: what the last piece is cut to has no end of its own.
  expect(seen).toMatchObject({ droppedBytes: 0, longest: 99 })
  expect(seen.bytes).toBe(gibi - (seen.lines - 2) + theEnd)
  // It is 3 times; 40 where the output is read for as long as there is any.
  expect(seen.loudMs / seen.quietMs).toBeLessThan(12)
})
