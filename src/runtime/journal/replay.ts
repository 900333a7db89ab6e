/**
 * Owns the events of a resumable run that the journal has, read as a stream: after the end of Node, or when memory keeps them no more.
 */
import { AxonError, RunError } from '../../errors.ts'
import type { RunResponse, RunStreamEvent } from '../../protocol/run.ts'
import { type EventReader, RunStream } from '../runs/run-stream.ts'
import type { RecordRow } from './messages.ts'
import type { Questions } from './questions.ts'
import { errorIn } from './recall.ts'

export interface ReplaySource {
  questions: Pick<Questions, 'get' | 'events'>
  /** A run that is under way. */
  runOf: (id: string) => { result: Promise<RunResponse>; cancel(reason?: unknown): void } | undefined
}

/** So many events are asked for at once. */
const pageEvents = 500

/** A run that the journal does not have is `RUN_UNKNOWN`, thrown into whatever reads. */
export function replay(source: ReplaySource, agent: string, run: string, after: number): RunStream {
  const known = async () => {
    const [row] = await source.questions.get(run)
    if (row?.agent === agent && row.mode === 'resumable') return row
    const message = `There is no run ${JSON.stringify(run)} of ${agent} that can be resumed: it was not started with resumable, or is in the journal no more.`
    throw new AxonError('RUN_UNKNOWN', message, { agent, context: { run } })
  }
  const answer = async () => {
    const row = await known()
    if (row.finishedAt === null) return await (source.runOf(run)?.result ?? lost(row))
    if (row.response === null) throw errorIn(row)
    return JSON.parse(row.response) as RunResponse
  }
  let result: Promise<RunResponse> | undefined
  const stream = {
    id: run,
    get result() {
      result ??= answer()
      result.catch(() => {})
      return result
    },
    cancel: (reason?: unknown) => source.runOf(run)?.cancel(reason),
  }
  const read = () => new ReplayReader(source, known, answer, run, after)
  return new RunStream(stream, { isShared: true, read, discard() {} })
}

class ReplayReader implements EventReader {
  readonly #source: ReplaySource
  readonly #known: () => Promise<RecordRow>
  readonly #answer: () => Promise<RunResponse>
  readonly #run: string
  #last: number
  #page: RunStreamEvent[] = []
  #isOver = false

  constructor(
    source: ReplaySource,
    known: () => Promise<RecordRow>,
    answer: () => Promise<RunResponse>,
    run: string,
    after: number,
  ) {
    this.#source = source
    this.#known = known
    this.#answer = answer
    this.#run = run
    this.#last = after
  }

  async shift(): Promise<RunStreamEvent | undefined> {
    if (this.#isOver) return undefined
    if (this.#page.length === 0) this.#page = await this.#source.questions.events(this.#run, this.#last, pageEvents)
    const event = this.#page.shift() ?? (await this.#end())
    if (event && event.id !== this.#last + 1) throw this.#gap(await this.#known())
    this.#last += 1
    return event
  }

  leave(): void {
    this.#isOver = true
  }

  /** The result, where there is one; an error is for whoever asks for the result of the stream. */
  async #end(): Promise<RunStreamEvent | undefined> {
    this.#isOver = true
    await this.#known()
    try {
      return { id: this.#last + 1, event: 'run.result', data: await this.#answer() }
    } catch {
      return undefined
    }
  }

  #gap({ agent, attempt }: RecordRow): RunError {
    const message = `Event ${this.#last + 1} of run ${this.#run} is not in the journal: it could not be written then.`
    const about = { run: this.#run, agent, started: true, attempt, context: { after: this.#last } }
    return new RunError('RUN_EVENTS_LOST', message, about)
  }
}

function lost({ run, agent, attempt }: RecordRow): never {
  const message = `Run ${run} of ${agent} has not ended in the journal, and is not under way.`
  throw new RunError('RUN_OUTCOME_UNKNOWN', message, { run, agent, started: undefined, attempt })
}
