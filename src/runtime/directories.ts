/**
 * Owns the short-lived private directory in which a system keeps its sockets.
 */
import { lstatSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxonError } from '../errors.ts'

/** The kernel's limit for the path of a Unix socket, in bytes. */
const maxSocketPath = 107
/** Room for `/` and a socket's name. */
const nameBytes = 14

/**
 * Makes a fresh directory, mode 0700, below `base`; default `$XDG_RUNTIME_DIR`, else the system's temporary directory. Where
 * a socket's path would be too long, the temporary directories serve instead.
 * @throws AxonError CONFIG_INVALID where none can be used
 */
export function makeRuntimeDir(base: string | undefined, env: NodeJS.ProcessEnv): string {
  const problems: string[] = []
  for (const parent of new Set([base, env.XDG_RUNTIME_DIR, tmpdir(), '/tmp'])) {
    if (!parent) continue
    try {
      if (parent === base) mkdirSync(parent, { recursive: true, mode: 0o700 })
      const prefix = join(parent, 'axon-')
      if (Buffer.byteLength(prefix) + 6 + nameBytes > maxSocketPath) {
        problems.push(`${parent} is too long for a socket's path`)
        continue
      }
      const directory = mkdtempSync(prefix)
      const stat = lstatSync(directory)
      if (stat.isDirectory() && (stat.mode & 0o077) === 0) return directory
      problems.push(`${directory} can be entered by others`)
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error))
    }
  }
  const message = `No directory for sockets can be made: ${problems.join('; ')}. Set runtimeDir to a short path that you can write to.`
  throw new AxonError('CONFIG_INVALID', message, { context: { problems } })
}
