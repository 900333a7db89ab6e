/**
 * Owns what a user can look up of the runs in a journal.
 */
import * as z from 'zod'
import { AxonError } from '../../errors.ts'
import type { RunResponse } from '../../protocol/run.ts'
import { options } from '../config/fields.ts'
import type { Approvals, PendingApproval } from '../tools/approvals.ts'
import type { Journal } from './journal.ts'
import type { RecordRow, RecordStatus } from './messages.ts'

/** A run as the journal has it. */
export interface JournaledRun {
  /** Its id. */
  run: string
  agent: string
  /** `queued`: no byte of it was sent; `sent`: it may have begun; else how it ended. */
  status: RecordStatus
  /** 1, and one more for each time that it was sent again. */
  attempt: number
  /** Whether the agent's code began; undefined where that is not known, or not yet. */
  started: boolean | undefined
  /** Milliseconds since 1970. */
  createdAt: number
  /** Milliseconds since 1970; missing while it has not ended. */
  finishedAt?: number
  /** The tool calls of it that wait for a person. */
  approvals?: readonly PendingApproval[]
  /** Of a run that succeeded. */
  response?: RunResponse
  /** Of a run that did not: what the `AxonError` says as JSON, with `code` and `message`. */
  error?: { code: string; message: string } & Record<string, unknown>
}

const statuses = [
  'queued',
  'sent',
  'succeeded',
  'failed',
  'cancelled',
  'timed_out',
  'interrupted',
] as const satisfies readonly RecordStatus[]

const filter = options({
  agent: z.string().optional(),
  status: z.enum(statuses).optional(),
  /** The newest so many. Default 100, at most 1 000. */
  limit: z.int().positive().max(1_000).default(100),
})
export type RunFilter = z.input<typeof filter>

/** The runs of a system that has a journal, those of the systems before it too; and what waits for a person, with or without one. */
export class RunLookup {
  readonly #journal: () => Journal
  readonly #approvals: Approvals

  /** @param journal throws where there is none */
  constructor(journal: () => Journal, approvals: Approvals) {
    this.#journal = journal
    this.#approvals = approvals
  }

  /** The tool calls that wait for a person, the oldest first: of one run, or of all. */
  approvals(run?: string): PendingApproval[] {
    return this.#approvals.pending(run)
  }

  /** Lets the tool be called. `id` is that of `tool.approval`. @throws AxonError TOOL_APPROVAL_UNKNOWN */
  approve(run: string, id: string): void {
    this.#approvals.approve(run, id)
  }

  /** Keeps the tool from being called; the model is told `message`. @throws AxonError TOOL_APPROVAL_UNKNOWN */
  deny(run: string, id: string, { message }: { message?: string | undefined } = {}): void {
    this.#approvals.deny(run, id, message)
  }

  /** The run of that id; undefined where there is none, or none any more. @throws AxonError JOURNAL_UNAVAILABLE */
  async get(run: string): Promise<JournaledRun | undefined> {
    const [row] = await this.#journal().questions.get(run)
    const waiting = this.#approvals.pending(run)
    return row && { ...viewRun(row), ...(waiting.length > 0 && { approvals: waiting }) }
  }

  /** Runs, the newest first. @throws AxonError CONFIG_INVALID, JOURNAL_UNAVAILABLE */
  async list(given: RunFilter = {}): Promise<JournaledRun[]> {
    const parsed = filter.safeParse(given)
    if (!parsed.success)
      throw new AxonError('CONFIG_INVALID', `Runs cannot be looked up so: ${z.prettifyError(parsed.error)}`)
    const { agent, status, limit } = parsed.data
    return (await this.#journal().questions.list({ agent, status, limit })).map(viewRun)
  }
}

function viewRun(row: RecordRow): JournaledRun {
  const { run, agent, status, attempt, createdAt, finishedAt, response, error } = row
  return {
    run,
    agent,
    status,
    attempt,
    started: status === 'queued' ? false : row.started === null ? undefined : row.started === 1,
    createdAt,
    ...(finishedAt !== null && { finishedAt }),
    ...(response !== null && { response: JSON.parse(response) }),
    ...(error !== null && { error: JSON.parse(error) }),
  }
}
