/**
 * Owns the short-lived private directory in which a system keeps its sockets: where it may be, its making and its removal.
 */
import { randomBytes } from 'node:crypto'
import { accessSync, constants, lstatSync, mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, isAbsolute, join, resolve } from 'node:path'
import { AxonError } from '../errors.ts'

/** The kernel's limit for the path of a Unix socket, in bytes. */
const maxSocketPath = 107
/** Room for `/` and a socket's name. */
const nameBytes = 14

/**
 * Names fresh directories, the best first: below `base`, `$XDG_RUNTIME_DIR`, the temporary directories. None of them is made yet,
 * so that whoever shall remove it is there before it is.
 * @throws AxonError CONFIG_INVALID where none can be used
 */
export function nameRuntimeDirs(base: string | undefined, env: NodeJS.ProcessEnv): string[] {
  const problems: string[] = []
  const paths: string[] = []
  const name = `axon-${randomBytes(6).toString('base64url')}`
  for (const given of new Set([base, env.XDG_RUNTIME_DIR, tmpdir(), '/tmp'])) {
    if (!given) continue
    const parent = resolve(given)
    const path = join(parent, name)
    try {
      if (given === base) mkdirSync(parent, { recursive: true, mode: 0o700 })
      accessSync(parent, constants.W_OK | constants.X_OK)
      if (Buffer.byteLength(path) + nameBytes > maxSocketPath)
        problems.push(`${parent} is too long for a socket's path`)
      else if (!paths.includes(path)) paths.push(path)
    } catch (error) {
      problems.push(messageOf(error))
    }
  }
  if (paths.length === 0) throw noDirectory(problems)
  return paths
}

/**
 * Makes the first of `paths` that can be made, mode 0700, and that is then private.
 * @throws AxonError CONFIG_INVALID where none can
 */
export function makeRuntimeDir(paths: readonly string[]): string {
  const problems: string[] = []
  for (const path of paths) {
    try {
      mkdirSync(path, { mode: 0o700 })
      if (isPrivate(path)) return path
      rmdirSync(path)
      problems.push(`${path} could be entered by others`)
    } catch (error) {
      problems.push(messageOf(error))
    }
  }
  throw noDirectory(problems)
}

/** Removes the directory if it is one that Axon has made: ours, private, called axon-…, and no link. Says whether it was. */
export function removeRuntimeDir(path: string): boolean {
  if (!isAbsolute(path) || !basename(path).startsWith('axon-') || !isPrivate(path)) return false
  rmSync(path, { recursive: true, force: true })
  return true
}

function isPrivate(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats?.isDirectory() === true && (stats.mode & 0o777) === 0o700 && stats.uid === process.geteuid?.()
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function noDirectory(problems: string[]): AxonError {
  const message = `No directory for sockets can be made: ${problems.join('; ')}. Set runtimeDir to a short path that you can write to.`
  return new AxonError('CONFIG_INVALID', message, { context: { problems } })
}
