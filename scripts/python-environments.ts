/**
 * Owns the environments in which the Python package is tested and checked: one for each supported interpreter that the machine
 * has, made by Axon's own provisioning.
 */
import { join } from 'node:path'
import { isAxonError } from '../src/errors.ts'
import type { Environment } from '../src/machines/slots.ts'
import { ensureEnvironment } from '../src/runtime/environment/environment.ts'

export const pythonRoot = join(import.meta.dirname, '..', 'python')

const minors = ['3.10', '3.11', '3.12', '3.13', '3.14']

/** At least one; those that are not on the machine are named and left out. */
export async function pythonEnvironments(): Promise<Environment[]> {
  const environments: Environment[] = []
  for (const minor of minors) {
    const environment = await environmentOf(minor)
    if (environment) environments.push(environment)
    else console.log(`Python ${minor} is not on this machine`)
  }
  if (environments.length === 0) throw new Error('No Python from 3.10 to 3.14 was found. Install one, then try again.')
  return environments
}

async function environmentOf(minor: string): Promise<Environment | undefined> {
  const spec = { cwd: pythonRoot, python: `python${minor}`, requirements: 'requirements-dev.txt' }
  try {
    return await ensureEnvironment(spec, {
      onProgress: ({ phase, message }) => {
        if (phase === 'create') console.log(`Python ${minor}: ${message}`)
      },
    })
  } catch (error) {
    if (isAxonError(error) && error.code === 'ENV_PYTHON_NOT_FOUND') return undefined
    throw error
  }
}
