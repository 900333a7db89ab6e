/**
 * Runs the tests against Ray, in namespaces of their own: see test/ray/namespace.ts.
 *
 *     npm run test:ray -- [vitest arguments]
 */
import { join } from 'node:path'
import { runBesideRay } from '../test/ray/namespace.ts'

const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs')
const { status } = await runBesideRay([
  vitest,
  'run',
  '--config',
  'test/ray/vitest.config.ts',
  ...process.argv.slice(2),
])
process.exitCode = status ?? 1
