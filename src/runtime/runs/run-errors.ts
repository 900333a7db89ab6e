/**
 * Owns the words of the errors that a run ends with by Axon's own judgement, and what an error means for its run. When which is due is run.ts's.
 */
import { type AxonError, type ErrorCode, RunError } from '../../errors.ts'
import type { RunOutcome } from '../../machines/run.ts'
import type { Fate } from './fate.ts'

/** Every other code: the run failed. */
const outcomes: Partial<Record<ErrorCode, RunOutcome>> = {
  RUN_CANCELLED: 'cancelled',
  RUN_TIMEOUT: 'timed_out',
  RUN_INTERRUPTED: 'interrupted',
  RUN_OUTCOME_UNKNOWN: 'interrupted',
}

/** The run and its present attempt, as an error tells them. */
export interface About {
  run: string
  agent: string
  attempt: number
  /** Undefined where it was not sent. */
  generation: string | undefined
  isIdempotent: boolean
}

export function outcomeOf({ code }: AxonError): RunOutcome {
  return outcomes[code] ?? 'failed'
}

export function cancelled(about: About, started: boolean | undefined, cause: unknown): RunError {
  return error(about, 'RUN_CANCELLED', `Run ${about.run} of ${about.agent} was cancelled.`, { started, cause })
}

export function timedOut(about: About, limit: string, started: boolean | undefined, cause?: unknown): RunError {
  const message = `Run ${about.run} of ${about.agent} was not done within ${limit}. Raise it in the agent's timeouts or in the call.`
  return error(about, 'RUN_TIMEOUT', message, { started, cause })
}

export function unreached(about: About, cause: unknown): RunError {
  const message = `Run ${about.run} did not start: ${about.generation} could not be reached. Try again.`
  return error(about, 'RUN_INTERRUPTED', message, { started: false, cause, retryable: true })
}

/** What a broken connection means. `hasStarted`: its receipt has come. */
export function lost(about: About, hasStarted: boolean, fate: Fate, cause: unknown): RunError {
  const { run, generation, isIdempotent } = about
  if (hasStarted) {
    const what = fate === 'gone' ? 'its process died' : 'its connection broke'
    const message = `Run ${run} was interrupted: ${what} after the agent's code began. Run it again if that is safe.`
    return error(about, 'RUN_INTERRUPTED', message, { started: true, cause, retryable: isIdempotent })
  }
  if (fate === 'gone' || fate === 'revoked') {
    const what = fate === 'gone' ? `${generation} died first` : `its connection to ${generation} broke first`
    const message = `Run ${run} did not start: ${what}. Try again.`
    return error(about, 'RUN_INTERRUPTED', message, { started: false, cause, retryable: true })
  }
  const what = fate === 'known' ? `${generation} was about to begin it` : `${generation} does not say whether it began`
  const message = `The connection of run ${run} broke, and ${what}. Look before you run it again.`
  return error(about, 'RUN_OUTCOME_UNKNOWN', message, { started: undefined, cause, retryable: isIdempotent })
}

/** The same error about a run, or of another start. */
export function copied(error: AxonError, about: Pick<RunError, 'run' | 'attempt' | 'started'>): RunError {
  const { code, message, cause, agent, retryable, context } = error
  const { kind, traceback } = error instanceof RunError ? error : {}
  return new RunError(code, message, { cause, agent, retryable, context, kind, traceback, ...about })
}

type Told = { started: boolean | undefined; cause: unknown; retryable?: boolean }

function error(
  { run, agent, attempt, generation }: About,
  code: RunError['code'],
  message: string,
  told: Told,
): RunError {
  return new RunError(code, message, { run, agent, attempt, context: { generation }, ...told })
}
