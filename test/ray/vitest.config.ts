import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: join(import.meta.dirname, '../..'),
    include: ['test/ray/**/*.test.ts'],
    globalSetup: 'test/ray/setup.ts',
    // They end what hangs: on a machine with other work Ray takes a minute for what it does in five seconds.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    env: { XDG_STATE_HOME: join(import.meta.dirname, '../../node_modules/.cache/state') },
    // One head, and one set of applications: its files change it one after another.
    fileParallelism: false,
  },
})
