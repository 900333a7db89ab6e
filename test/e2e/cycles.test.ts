import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import type { Held } from '../faults/held.ts'
import { cacheDir, fixtures } from './axon.ts'

test('after 1,000 ends and starts Node and the host hold what they held after 200: memory, descriptors, timers, listeners, actors', {
  timeout: 300_000,
}, async () => {
  const program = join(fixtures, 'cycles.ts')
  // Room for young objects of a fixed size: V8 gives itself more where it has to wait for the processor.
  const flags = ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16']
  const { stdout } = await execa(process.execPath, [...flags, program, cacheDir, fixtures, '200', '600', '1000'])
  const [early, middle, late] = JSON.parse(stdout) as [Held, Held, Held]
  expect(late.node.memory / early.node.memory).toBeLessThan(1.05)
  // What is lost in cycles is lost in both halves; an allocator takes a step in one of them, now and then.
  for (const of of ['node', 'host'] as const) {
    const grown = [middle[of].rss / early[of].rss, late[of].rss / middle[of].rss]
    expect(Math.min(...grown), `${of}: ${grown}`).toBeLessThan(1.025)
  }
  const { node, host, ...counts } = late
  expect(node.descriptors).toBe(early.node.descriptors)
  // The process that the host keeps ahead may be there or be on its way.
  expect(Math.abs(host.descriptors - early.host.descriptors)).toBeLessThanOrEqual(1)
  expect(counts).toEqual({ objects: early.objects, resources: early.resources, listeners: early.listeners })
})
