/**
 * Owns what the journal has of an idempotency key: the run of an earlier system, or of this one, whose answer is no longer in memory.
 */
import { createHash } from 'node:crypto'
import { type ErrorCode, errorCodes, isAxonError, RunError } from '../../errors.ts'
import type { KeepPolicy, KeptAnswer } from '../runs/kept-answers.ts'
import type { RecordRow } from './messages.ts'
import type { Questions } from './questions.ts'

/** A run that has a key, and has not ended. */
export interface UnansweredRun {
  run: string
  fingerprint: string
}

/** Of the journal. */
export interface Recallable {
  questions: Pick<Questions, 'keyed'>
  isRequired: boolean
}

/** Of a request as JSON. */
export function fingerprintOf(body: string): string {
  return createHash('sha256').update(body).digest('base64')
}

/**
 * Undefined where no run has the key, or has it no more: its code never began, or it ended longer than `keepMs` ago.
 * @throws AxonError JOURNAL_UNAVAILABLE where the journal is required
 */
export async function recall(
  journal: Recallable,
  agent: string,
  key: string,
  { keepMs }: KeepPolicy,
): Promise<KeptAnswer | UnansweredRun | undefined> {
  const row = await newest(journal, agent, key)
  if (row === undefined) return undefined
  const about = { run: row.run, fingerprint: fingerprintOf(row.body ?? '') }
  if (row.finishedAt === null) return about
  if (row.finishedAt + keepMs <= Date.now()) return undefined
  if (row.response !== null) return { ...about, outcome: { response: JSON.parse(row.response) } }
  return row.started === 0 ? undefined : { ...about, outcome: { error: errorIn(row) } }
}

async function newest(journal: Recallable, agent: string, key: string): Promise<RecordRow | undefined> {
  try {
    return (await journal.questions.keyed(agent, key))[0]
  } catch (error) {
    if (journal.isRequired || !isAxonError(error)) throw error
    return undefined
  }
}

/** How a run ended that has no response. */
export function errorIn({ run, agent, attempt, started, error }: RecordRow): RunError {
  const told = JSON.parse(error ?? '{}') as Partial<RunError> & { code?: ErrorCode }
  const code = told.code !== undefined && Object.hasOwn(errorCodes, told.code) ? told.code : 'INTERNAL_ERROR'
  const { message = 'The journal does not say how it ended.', retryable, kind, traceback, context } = told
  const known = { run, agent, attempt, started: started === null ? undefined : started === 1 }
  return new RunError(code, message, {
    ...known,
    kind,
    traceback,
    ...(retryable !== undefined && { retryable }),
    ...(context !== undefined && { context }),
  })
}
