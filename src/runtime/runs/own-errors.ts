/**
 * Owns what an agent's own error means for its run. A connection that was lost is judged in run.ts.
 */
import { type AxonError, type ErrorCode, RunError } from '../../errors.ts'
import type { RunOutcome } from '../../machines/run.ts'

const outcomes: Partial<Record<ErrorCode, RunOutcome>> = {
  RUN_CANCELLED: 'cancelled',
  RUN_TIMEOUT: 'timed_out',
  RUN_INTERRUPTED: 'interrupted',
}

/** With every other code it has failed. */
export function outcomeOf(error: AxonError): RunOutcome {
  return outcomes[error.code] ?? 'failed'
}

/** The receipt outweighs an answer that does not say whether the code began, or says that it did not. */
export function asStarted(error: AxonError): AxonError {
  if (!(error instanceof RunError) || error.started === true) return error
  const { code, message, cause, agent, run, attempt, kind, traceback, retryable, context } = error
  return new RunError(code, message, { cause, agent, run, attempt, kind, traceback, retryable, context, started: true })
}
