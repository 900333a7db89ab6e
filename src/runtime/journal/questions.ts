/**
 * Owns what the journal's thread was asked and has not answered.
 */
import type { AxonError } from '../../errors.ts'
import type { RunStreamEvent } from '../../protocol/run.ts'
import type { FromJournal, JournalFault, RecordFilter, RecordRow, ToJournal } from './messages.ts'

type Question = Extract<ToJournal, { id: number }>
export type Answer = Extract<FromJournal, { id: number }>

/** Each is answered, or rejects with an AxonError JOURNAL_UNAVAILABLE. */
export class Questions {
  readonly #post: (question: Question) => void
  readonly #errorOf: (fault: JournalFault) => AxonError
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: AxonError) => void }>()
  #last = 0
  #over: AxonError | undefined

  constructor(post: (question: Question) => void, errorOf: (fault: JournalFault) => AxonError) {
    this.#post = post
    this.#errorOf = errorOf
  }

  /** Which of these runs the journal has. */
  async find(runs: string[]): Promise<string[]> {
    const answer = await this.#ask((id) => ({ type: 'find', id, runs }))
    return answer.type === 'found' ? answer.taken : []
  }

  /** The newest run of that agent and idempotency key, if any, with its request. */
  keyed(agent: string, key: string): Promise<RecordRow[]> {
    return this.#rows((id) => ({ type: 'keyed', id, agent, key }))
  }

  /** None where no run of that id is known. */
  get(run: string): Promise<RecordRow[]> {
    return this.#rows((id) => ({ type: 'get', id, run }))
  }

  /** The newest first. */
  list(filter: RecordFilter): Promise<RecordRow[]> {
    return this.#rows((id) => ({ type: 'list', id, filter }))
  }

  /** Of a resumable run, those after the event of that id, `limit` at most. */
  async events(run: string, after: number, limit: number): Promise<RunStreamEvent[]> {
    const answer = await this.#ask((id) => ({ type: 'events', id, run, after, limit }))
    return answer.type === 'told' ? answer.events : []
  }

  answer(answer: Answer): void {
    const asked = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (answer.type === 'unread') asked?.reject(this.#errorOf(answer.fault))
    else asked?.resolve(answer)
  }

  /** Nothing will be answered any more. */
  end(error: AxonError): void {
    this.#over = error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  async #rows(question: (id: number) => Question): Promise<RecordRow[]> {
    const answer = await this.#ask(question)
    return answer.type === 'rows' ? answer.rows : []
  }

  #ask(question: (id: number) => Question): Promise<Answer> {
    if (this.#over) return Promise.reject(this.#over)
    this.#last += 1
    const id = this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#post(question(id))
    })
  }
}
