/**
 * Owns what is said of a process that could not be made.
 */
import { isAxonError, ProcessError } from '../../errors.ts'
import type { PortInput } from '../../machines/slots.ts'
import { isOutOfFiles, outOfFilesHint } from '../descriptors.ts'

export function spawnError({ definition, environment, generation }: PortInput, cause: unknown): ProcessError {
  const { python } = environment
  const isPassing = isOutOfFiles(cause)
  const hint = isPassing ? outOfFilesHint : "Check that the environment is whole, or clear Axon's cache."
  const detail = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]
  if (isAxonError(cause) && cause.code === 'PROCESS_LIMITS_UNAVAILABLE') {
    const message = `${generation} was not started: ${detail}`
    return new ProcessError(cause.code, message, { agent: definition.name, cause, context: { generation } })
  }
  return new ProcessError(
    'PROCESS_SPAWN_FAILED',
    `${generation} could not be started with ${python}: ${detail?.replace(/\.$/, '')}. ${hint}`,
    { agent: definition.name, cause, context: { generation, python }, ...(isPassing && { retryable: true }) },
  )
}
