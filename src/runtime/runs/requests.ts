/**
 * Owns how a caller's request becomes the body that is sent, and the words with which it is turned away.
 */
import * as z from 'zod'
import { AxonError } from '../../errors.ts'
import { type RunRequest, runRequest } from '../../protocol/run.ts'

/** The request as JSON. @throws AxonError RUN_REQUEST_INVALID */
export function encode(agent: string, request: RunRequest): string {
  const parsed = runRequest.safeParse(request)
  if (!parsed.success) throw invalid(agent, z.prettifyError(parsed.error), parsed.error)
  try {
    return JSON.stringify(request)
  } catch (cause) {
    throw invalid(agent, 'it cannot be written as JSON', cause)
  }
}

export function invalidOptions(agent: string, what: string): AxonError {
  return new AxonError('RUN_REQUEST_INVALID', `The options of a run of ${agent} are not valid: ${what}.`, { agent })
}

function invalid(agent: string, what: string, cause?: unknown): AxonError {
  const message = `The request to ${agent} is not valid: ${what}. It takes { prompt, message_history?, model?, deps?, usage_limits?, metadata? }.`
  return new AxonError('RUN_REQUEST_INVALID', message, { agent, cause })
}
