/**
 * Owns the words with which runs are refused because their agent has no process. When that is so is the dispatcher's and the
 * lane's.
 */
import { AxonError } from '../../errors.ts'

export function backoffError(agent: string, leftMs: number, cause: AxonError): AxonError {
  const retryAfterMs = Math.max(0, Math.round(leftMs))
  const message = `Agent ${agent} crashed and starts again in ${retryAfterMs} ms: ${cause.message} Try again then.`
  return new AxonError('AGENT_BACKOFF', message, { agent, cause, context: { retryAfterMs } })
}

export function failedError(agent: string, cause: AxonError): AxonError {
  const message = `Agent ${agent} has failed and is not started again by itself: ${cause.message} Mend that, then send agent.start.`
  return new AxonError('AGENT_FAILED', message, { agent, cause, context: { code: cause.code } })
}

export function stoppedError(agent: string): AxonError {
  return new AxonError('AGENT_STOPPED', `Agent ${agent} is stopped. Send agent.start first.`, { agent })
}
