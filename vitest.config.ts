import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They need a cluster: `npm run test:ray`.
    exclude: ['test/ray/**'],
    // Far above what any takes: they end what hangs, and judge no machine that has other work. Hooks make environments, too.
    testTimeout: 120_000,
    hookTimeout: 600_000,
    // Records of systems: nobody's own are swept by tests, nor the tests' by somebody else.
    env: { XDG_STATE_HOME: join(import.meta.dirname, 'node_modules/.cache/state') },
    // Two at a time: the integration tests start real interpreters.
    maxWorkers: 2,
  },
})
