/**
 * Owns what a fault needs of the machine before it can be made. A test whose need is not met is skipped, with the reason, and its
 * fault is not reported as held.
 */
import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import type { TestContext } from 'vitest'

export interface Need {
  /** Stands after "This machine has no". */
  what: string
  has: () => boolean
}

/** Arguments of `unshare` by which anybody may make namespaces, as a root of his own. */
export const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']

export function demand(context: TestContext, { what, has }: Need): void {
  if (!has()) context.skip(`This machine has no ${what}.`)
}

const nobody = { uid: 65_534, gid: 65_534 }

export const otherUsers: Need = {
  what: 'right to start a process of another user, who may run Node: that takes root',
  has: () => process.getuid?.() === 0 && spawnSync(process.execPath, ['--version'], nobody).status === 0,
}

/** Runs a program of Node as a user who owns nothing, with no variable of ours, and resolves with what it prints. */
export async function asOtherUser(source: string, given: unknown): Promise<string> {
  const args = ['--input-type=module', '-e', source, JSON.stringify(given)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { ...nobody, cwd: '/', env: {} })
  return stdout
}

export const smallDisks: Need = {
  what: 'small disk for a test: that takes unshare, and the right to mount a tmpfs',
  has: () => spawnSync(...withSmallDisk('/mnt', '1m', ['true'])).status === 0,
}

/** Runs a program to whom the empty directory is a disk of that size, and resolves with what it prints. Nobody else sees that disk. */
export async function onSmallDisk(
  { signal }: Pick<TestContext, 'signal'>,
  directory: string,
  size: string,
  program: readonly string[],
): Promise<string> {
  const options = { signal, killSignal: 'SIGKILL' } as const
  const { stdout } = await promisify(execFile)(...withSmallDisk(directory, size, program), options)
  return stdout
}

function withSmallDisk(directory: string, size: string, program: readonly string[]): [string, string[]] {
  const mount = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'
  return ['unshare', [...asRoot, '--mount', 'sh', '-c', mount, 'sh', size, directory, ...program]]
}
