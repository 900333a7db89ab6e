/**
 * Owns what is kept of the attempts of a run that came to nothing, and whether there may be another. A run whose first attempt is
 * answered has none of this.
 *
 * 1. What began, or may have begun, is not run again unless its agent is idempotent.
 * 2. What was refused before it began is sent again as often as the retry budget and the deadline allow; what was lost with its
 *    connection or process, `maxAttempts` times in all.
 */
import { RunError } from '../../errors.ts'
import type { Link } from '../placement/link.ts'

/** Refused: the process said so, or could not be reached. Lost: it was sent, and came to nothing. */
export type Failure = 'refused' | 'lost'

export interface Judged {
  how: Failure
  /** `started` is that of the attempt. */
  error: RunError
  link: Link | undefined
  maxAttempts: number
  /** The agent is idempotent, and nobody has read of the run yet. */
  isRepeatable: boolean
  mayRetry: () => boolean
}

const jitterBaseMs = 50
const jitterMaxMs = 2_000

export class FailedAttempts {
  /** The process that it was sent to last: another is tried first. */
  avoids: Link | undefined
  /** It has waited, and may go there again where there is no other. */
  mayReturn = false
  #count = 0
  #lost = 0
  #begun: boolean | undefined = false
  #first: RunError | undefined

  /** @param mayHaveBegun there was one in an earlier system, of which nothing else is known */
  constructor(mayHaveBegun = false) {
    if (mayHaveBegun) this.#begun = undefined
  }

  /** Whether the agent's code began in any of them; undefined where that cannot be known. */
  get begun(): boolean | undefined {
    return this.#begun
  }

  /** Takes note of one more, and answers with the error that ends the run; undefined where it is to be sent again. */
  judge({ how, error, link, maxAttempts, isRepeatable, mayRetry }: Judged): RunError | undefined {
    this.#first ??= error
    if (error.started !== false && !isRepeatable) return error
    if (how === 'lost') this.#lost += 1
    if (this.#lost >= maxAttempts) return error
    if (!mayRetry()) return withoutBudget(this.#first, error)
    this.#begun = eitherBegan(this.#begun, error.started)
    this.#count += 1
    this.avoids = link
    this.mayReturn = false
    return undefined
  }

  /** Full jitter: how long to wait before the same process is tried again, in milliseconds. */
  delayMs(random: () => number): number {
    return Math.round(random() * Math.min(jitterMaxMs, jitterBaseMs * 2 ** (this.#count - 1)))
  }
}

/** Whether the code began in one or the other. */
export function eitherBegan(one: boolean | undefined, other: boolean | undefined): boolean | undefined {
  if (one === true || other === true) return true
  return one === undefined || other === undefined ? undefined : false
}

/** The first error says what is wrong; those after it are its echoes. */
function withoutBudget(first: RunError, last: RunError): RunError {
  const { code, message, cause, agent, run, kind, traceback, retryable } = first
  const context = { ...first.context, isRetryBudgetUsedUp: true }
  const { attempt, started } = last
  return new RunError(code, message, { cause, agent, run, kind, traceback, retryable, context, attempt, started })
}
