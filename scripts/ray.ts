/**
 * Runs the tests against Ray: its environment is made by Axon's own provisioning, and Ray and the tests run in namespaces of
 * their own, where nothing but loopback can be reached and nothing is left when they end, however they end.
 *
 *     npm run test:ray -- [vitest arguments]
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureEnvironment } from '../src/runtime/environment/environment.ts'

const root = join(import.meta.dirname, '..')
const { python } = await ensureEnvironment(
  { cwd: join(root, 'test/ray'), requirements: 'requirements.txt' },
  { onProgress: ({ phase, message }) => phase !== 'compile' && console.error(message) },
)
// Short: Ray's sockets lie below it.
const scratch = mkdtempSync(join(tmpdir(), 'axr-'))
try {
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const namespaces = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc', ...asRoot]
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'test/ray/vitest.config.ts']
  // All of it ends with this process, too.
  const { status, error } = spawnSync(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', ...namespaces, process.execPath, ...vitest, ...process.argv.slice(2)],
    { cwd: root, stdio: 'inherit', env: { ...process.env, AXON_TEST_RAY_PYTHON: python, AXON_TEST_RAY_DIR: scratch } },
  )
  if (error) throw error
  process.exitCode = status ?? 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
