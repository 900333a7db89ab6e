/**
 * Owns where Ray runs for tests and benchmarks: an environment that Axon's own provisioning makes, and namespaces, where nothing but
 * loopback can be reached and nothing is left when the program ends, however it ends.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureEnvironment } from '../../src/runtime/environment/environment.ts'
import { asRoot } from '../faults/needs.ts'

const root = join(import.meta.dirname, '../..')
const namespaces = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc', ...asRoot]

/** Whether this machine permits them. */
export const hasNamespaces = () => spawnSync('unshare', [...namespaces, 'true']).status === 0

/** Runs a program of Node's, which then may call `startHead`. What it prints is inherited, or given back where `stdout` is `pipe`. */
export async function runBesideRay(
  program: readonly string[],
  stdout: 'inherit' | 'pipe' = 'inherit',
): Promise<SpawnSyncReturns<string>> {
  const { python } = await ensureEnvironment(
    { cwd: import.meta.dirname, requirements: 'requirements.txt' },
    { onProgress: ({ phase, message }) => phase !== 'compile' && process.stderr.write(`${message}\n`) },
  )
  // Short: Ray's sockets lie below it.
  const scratch = mkdtempSync(join(tmpdir(), 'axr-'))
  try {
    // All of it ends with this process, too.
    const ended = spawnSync(
      'setpriv',
      ['--pdeathsig', 'KILL', 'unshare', ...namespaces, process.execPath, ...program],
      {
        cwd: root,
        encoding: 'utf8',
        stdio: ['inherit', stdout, 'inherit'],
        env: { ...process.env, AXON_TEST_RAY_PYTHON: python, AXON_TEST_RAY_DIR: scratch },
      },
    )
    if (ended.error) throw ended.error
    return ended
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
