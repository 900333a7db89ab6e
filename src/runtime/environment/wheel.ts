/**
 * Owns the axon_agent wheel: where the package keeps it, what its name says, and the hash of its bytes. Does not build it.
 */
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { PythonEnvError } from '../../errors.ts'
import { isOutOfFiles } from '../descriptors.ts'

export interface Wheel {
  /** Absolute. */
  path: string
  /** As in the wheel's name, for example `axon_agent`. */
  name: string
  version: string
  sha256: string
}

/** Where the package keeps what it brings for Python: below its root, for compiled code and for source alike. */
const directory = join(import.meta.dirname, '..', '..', '..', 'dist', 'python')

/** axon_agent's guard as a file of its own: it must run where axon_agent is not installed yet. */
export function guardFile(): string {
  return join(directory, 'guard.py')
}

/**
 * The wheel that comes with this package: `dist/python/axon_agent-*.whl` below its root, from compiled code and from source alike.
 * @throws PythonEnvError ENV_INCOMPLETE where it was not built
 */
export function defaultWheel(): string {
  const wheels = listOrEmpty(directory).filter((name) => /^axon_agent-.*-none-any\.whl$/.test(name))
  const wheel = wheels.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
  if (wheel === undefined) throw missing(join(directory, 'axon_agent-*.whl'))
  return join(directory, wheel)
}

/** @throws PythonEnvError ENV_INCOMPLETE where the file is not there or is no pure wheel by its name */
export async function readWheel(path: string): Promise<Wheel> {
  const [name, version] = basename(path).split('-')
  if (name === undefined || version === undefined || !path.endsWith('-none-any.whl')) throw missing(path)
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw isOutOfFiles(cause) ? cause : missing(path, cause)
  })
  return { path, name, version, sha256: createHash('sha256').update(bytes).digest('hex') }
}

function missing(path: string, cause?: unknown): PythonEnvError {
  const hint = 'Install the package again, or in a checkout run: npm run setup'
  return new PythonEnvError('ENV_INCOMPLETE', `The wheel of axon_agent is missing: ${path}. ${hint}`, {
    context: { wheel: path, hint },
    cause,
  })
}

function listOrEmpty(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isOutOfFiles(error)) throw error
    return []
  }
}
