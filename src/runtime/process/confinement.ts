/**
 * Owns what Node does for the sandbox of one process: the directory of its own that it may write to, and what it is told. The
 * sandbox itself is axon_agent's.
 */
import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { execa } from 'execa'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { SandboxOrder } from '../../protocol/sandbox.ts'
import { namesHost, portOf } from '../config/permissions.ts'
import type { Resources } from '../resources.ts'

/** Makes the process's temporary directory, where it is to have a sandbox. It is in the system's own, and goes with that at the latest. */
export function makeTemporary({ permissions }: AgentDefinition, resources: Resources): string | undefined {
  if (permissions === undefined) return undefined
  const path = resources.newTemporaryPath()
  mkdirSync(path, { mode: 0o700 })
  return path
}

/**
 * Removes it when the process is gone. By `rm`, since something that the process has started may live for a moment more and put links
 * in place of directories: unlike Node's own removal it does not follow them then. What stays goes with the system's directory.
 */
export async function removeTemporary(path: string | undefined): Promise<void> {
  if (path !== undefined) await execa('rm', ['-rf', '--', path], { stdio: 'ignore', reject: false })
}

/** What the process is told; undefined where it has no sandbox. */
export function sandboxOrder(
  { permissions, sandbox, cwd, module }: AgentDefinition,
  temporary: string | undefined,
): SandboxOrder | undefined {
  if (permissions === undefined || temporary === undefined) return undefined
  const { read, write, net, run } = permissions
  const file = /^([^:]+\.(?:py|ya?ml|json))(:\w+)?$/.exec(module)?.[1]
  const own = [cwd, ...(file?.includes('/') ? [dirname(resolve(cwd, file))] : [])]
  return {
    isRequired: sandbox === 'required',
    read: read === true || [...own, ...read],
    write: write === true || [temporary, ...write],
    run,
    ports: net === true || net.map(portOf),
    namesHosts: net !== true && net.some(namesHost),
  }
}
