/** Node is killed at any moment while an environment is made: no half of one is used, its lock is free, its installer is gone. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { builder, processesNaming } from '../runtime/environment/builder-process.ts'
import { ensure, importedIn, uv } from '../runtime/environment/environment-rig.ts'
import { storedBuilds, temporaryDirectory } from '../runtime/environment/fixtures.ts'
import { seed, seeded, sized } from './profile.ts'

const spec = { dependencies: ['six'] }
const ways = [
  { what: 'uv', given: () => uv, points: sized(4, 20) },
  { what: 'pip', given: () => false as const, points: sized(2, 20) },
  { what: 'uv, which is installed first,', given: () => undefined, points: sized(2, 20) },
]

for (const { what, given, points } of ways) {
  test(`when Node is killed while ${what} makes an environment, the next boot finds it whole or not at all, and makes it`, {
    timeout: sized(600_000, 3_600_000),
  }, async () => {
    const random = seeded(seed)
    // The whole of it, once: what is random is how much of that time passes before the kill.
    const whole = builder(spec, { cacheDir: await temporaryDirectory(), uv: given() })
    await whole.next(({ progress }) => progress !== undefined)
    const firstAt = performance.now()
    await whole.exited
    const wholeMs = performance.now() - firstAt

    for (let point = 0; point < points; point += 1) {
      const cacheDir = await temporaryDirectory()
      const killed = builder(spec, { cacheDir, uv: given() })
      await killed.next(({ progress }) => progress !== undefined)
      await setTimeout(random() * wholeMs)
      killed.child.kill('SIGKILL')
      await killed.exited
      const after = `seed ${seed}, point ${point}`
      await vi.waitFor(async () => expect(await processesNaming(cacheDir), after).toEqual([]), { timeout: 30_000 })
      const stored = await storedBuilds(cacheDir)
      expect(stored, after).toEqual(stored.length === 0 ? [] : [expect.any(String), 'complete.json'])
      const tools = await readdir(join(cacheDir, 'tools')).catch(() => [])
      expect(['', 'uv'], after).toContain(tools.join())
      const made = await ensure(spec, { cacheDir, uv: given() })
      expect(made.isWarm, after).toBe(stored.length > 0)
      await importedIn(made, 'six')
    }
  })
}
