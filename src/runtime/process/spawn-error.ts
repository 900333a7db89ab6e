/**
 * Owns what is said of a process that could not be made.
 */
import { isAxonError, ProcessError } from '../../errors.ts'
import type { PortInput } from '../../machines/slots.ts'

export function spawnError({ definition, environment, generation }: PortInput, cause: unknown): ProcessError {
  const { python } = environment
  const detail = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
  if (isAxonError(cause) && cause.code === 'PROCESS_LIMITS_UNAVAILABLE') {
    const message = `${generation} was not started: ${detail}`
    return new ProcessError(cause.code, message, { agent: definition.name, cause, context: { generation } })
  }
  return new ProcessError(
    'PROCESS_SPAWN_FAILED',
    `${generation} could not be started with ${python}: ${detail}. Check that the environment is whole, or clear Axon's cache.`,
    { agent: definition.name, cause, context: { generation, python } },
  )
}
