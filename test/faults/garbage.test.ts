import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { cacheDir, fixtures } from '../e2e/axon.ts'
import { seed, sized } from './profile.ts'

/**
 * Strangers at the socket, processes at their control connections (one frame each: none survives its first), and lines that are
 * only read, as a port reads them.
 */
const size = sized(
  { strangers: 1_000, processes: 16, lines: 10_000 },
  { strangers: 10_000, processes: 400, lines: 100_000 },
)

test('random and spoiled frames: whoever says one is shut out or ended, everybody else is served, and memory is flat', {
  timeout: 900_000,
}, async () => {
  const because = `FAULTS_SEED=${seed}`
  const program = join(fixtures, 'fuzzed.ts')
  const asked = JSON.stringify({ seed, ...size })
  const { stdout } = await execa(process.execPath, ['--expose-gc', program, cacheDir, fixtures, asked])
  const seen = JSON.parse(stdout)
  expect(seen.refused, because).toBe(size.strangers)
  expect(seen.crashes, because).toEqual({ 'protocol PROTOCOL_INVALID_FRAME': size.processes })
  expect(seen.read + seen.unread, because).toBe(size.lines)
  // Neither all nor none: most of them are spoiled, and some are frames all the same.
  expect(seen.unread, because).toBeGreaterThan(size.lines / 2)
  expect(seen.read, because).toBeGreaterThan(size.lines / 100)
  expect(seen.served, because).toBeGreaterThan(size.processes)
  expect(seen.after.pipes, because).toBe(seen.before.pipes)
  expect(seen.after.bytes, because).toBeLessThan(seen.before.bytes * 1.05)
})
