/**
 * Owns the reading of a run's request: what a caller gave, as the JSON that is sent.
 */
import * as z from 'zod'
import { AxonError } from '../../errors.ts'
import { type RunRequest, runRequest } from '../../protocol/run.ts'

/** @throws AxonError RUN_REQUEST_INVALID naming each field that is wrong */
export function encodeRequest(agent: string, request: RunRequest): string {
  const parsed = runRequest.safeParse(request)
  if (!parsed.success) throw invalid(agent, z.prettifyError(parsed.error), parsed.error)
  try {
    return JSON.stringify(request)
  } catch (cause) {
    throw invalid(agent, 'it cannot be written as JSON', cause)
  }
}

function invalid(agent: string, what: string, cause?: unknown): AxonError {
  const message = `The request to ${agent} is not valid: ${what}. It takes { prompt, message_history?, model?, deps?, usage_limits?, metadata? }.`
  return new AxonError('RUN_REQUEST_INVALID', message, { agent, cause })
}
