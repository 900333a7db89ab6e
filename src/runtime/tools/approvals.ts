/**
 * Owns the tool calls that wait for a person: who may answer, once, and until when. What follows from an answer is
 * process-calls.ts.
 *
 * 1. An approval is answered once: by a person, by its time, or by the end of what it was for.
 */
import { AxonError } from '../../errors.ts'
import type { ToolFact } from '../../machines/facts.ts'
import type { Clock } from '../clock.ts'

/** A tool call that waits for a person. */
export interface PendingApproval {
  agent: string
  run: string
  /** Names the call within its run. */
  id: string
  tool: string
  arguments: unknown
  /** Until when it can be answered, in milliseconds since 1970; then it is denied. */
  dueAt: number
}

export interface Verdict {
  approved: boolean
  /** For the model, where it was denied. */
  message: string
}

export interface Question extends Omit<PendingApproval, 'dueAt'> {
  generation: string
  /** How long somebody may take. */
  waitMs: number
  /** Ends the question unanswered. */
  signal: AbortSignal
}

interface Entry {
  pending: PendingApproval
  settle: (verdict: Verdict, why: 'asked' | 'expired') => void
}

export class Approvals {
  readonly #clock: Clock
  readonly #tell: (fact: ToolFact) => void
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Clock, tell: (fact: ToolFact) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /** Waits for a person. `onAsked` is called before anybody else is told. @throws the signal's reason */
  ask(question: Question, onAsked: (dueAt: number) => void): Promise<Verdict> {
    const { agent, run, id, tool, generation, signal, waitMs } = question
    const { promise, resolve, reject } = Promise.withResolvers<Verdict>()
    if (signal.aborted) return Promise.reject(signal.reason)
    const key = keyOf(run, id)
    const dueAt = Date.now() + waitMs
    const about = { agent, run, generation, id, tool }
    const leave = () => {
      this.#clock.clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
    }
    const onAbort = () => {
      leave()
      reject(signal.reason)
    }
    const settle: Entry['settle'] = (verdict, why) => {
      leave()
      this.#tell(
        verdict.approved
          ? { type: 'tool.approved', ...about }
          : { type: 'tool.denied', ...about, why, message: verdict.message },
      )
      resolve(verdict)
    }
    const expire = () => settle({ approved: false, message: `Nobody approved the call of ${tool} in time.` }, 'expired')
    const timer = this.#clock.setTimeout(expire, waitMs)
    const entry: Entry = { pending: { agent, run, id, tool, arguments: question.arguments, dueAt }, settle }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#entries.set(key, entry)
    onAsked(dueAt)
    this.#tell({ type: 'tool.approval', ...about, arguments: question.arguments, dueAt })
    return promise
  }

  /** @throws AxonError TOOL_APPROVAL_UNKNOWN where nothing waits by that name, or was answered already */
  approve(run: string, id: string): void {
    this.#find(run, id).settle({ approved: true, message: '' }, 'asked')
  }

  /** `message` is for the model. @throws AxonError TOOL_APPROVAL_UNKNOWN */
  deny(run: string, id: string, message?: string): void {
    const { pending, settle } = this.#find(run, id)
    settle({ approved: false, message: message ?? `The call of ${pending.tool} was denied.` }, 'asked')
  }

  /** Those of a run, or all, the oldest first. */
  pending(run?: string): PendingApproval[] {
    const all = [...this.#entries.values()].map(({ pending }) => pending)
    return run === undefined ? all : all.filter((one) => one.run === run)
  }

  #find(run: string, id: string): Entry {
    const entry = this.#entries.get(keyOf(run, id))
    if (entry === undefined) {
      const text = `No tool call ${JSON.stringify(id)} of run ${run} waits for an approval: there is none, it was answered, or its run is over.`
      throw new AxonError('TOOL_APPROVAL_UNKNOWN', text, { context: { run, id } })
    }
    return entry
  }
}

function keyOf(run: string, id: string): string {
  return JSON.stringify([run, id])
}
