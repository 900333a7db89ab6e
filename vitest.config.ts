import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Records of systems: nobody's own are swept by tests, nor the tests' by somebody else.
    env: { XDG_STATE_HOME: join(import.meta.dirname, 'node_modules/.cache/state') },
    // Two at a time: the integration tests start real interpreters.
    maxWorkers: 2,
  },
})
