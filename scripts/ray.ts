/**
 * Runs the tests against Ray, in namespaces of their own: see test/ray/namespace.ts. Where the machine permits none, Ray is not
 * tried, which is said.
 *
 *     npm run test:ray -- [vitest arguments]
 */
import { join } from 'node:path'
import { hasNamespaces, runBesideRay } from '../test/ray/namespace.ts'

if (!hasNamespaces()) {
  console.error('Ray is not tried here: this machine permits no namespaces (unshare --net --pid).')
  process.exit(0)
}
const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs')
const { status } = await runBesideRay([
  vitest,
  'run',
  '--config',
  'test/ray/vitest.config.ts',
  ...process.argv.slice(2),
])
process.exitCode = status ?? 1
