/**
 * Owns the events of one resumable run: the last of them are kept, for any number of readers, each at its own place.
 *
 * 1. No reader holds the run back: what it has not read when the log is full is dropped.
 * 2. A reader misses no event without being told: it gets RUN_EVENTS_LOST instead.
 * 3. The last event is always kept, however large.
 */
import { RunError } from '../../errors.ts'
import type { RunStreamEvent } from '../../protocol/run.ts'
import type { EventSink } from './event-queue.ts'
import type { EventReader, StreamSource } from './run-stream.ts'

/** What an event costs beside its text. */
const eventBytes = 128
/** The array is moved up when so many of its first places are empty. */
const maxEmpty = 1_024

export interface EventLogOptions {
  agent: string
  /** How many events are kept. */
  events: number
  /** How much memory the kept ones may take, about. */
  bytes: number
}

export class EventLog implements EventSink {
  /** Whose events they are. */
  run = ''
  /** Told of each event but the result: the journal has that as the answer. */
  onEvent: ((event: RunStreamEvent) => void) | undefined
  readonly #options: EventLogOptions
  #kept: ({ event: RunStreamEvent; bytes: number } | undefined)[] = []
  /** Of the oldest event that is kept, in the array. */
  #head = 0
  /** Id of the newest. */
  #last = 0
  #bytes = 0
  #isEnded = false
  #change: PromiseWithResolvers<void> | undefined

  constructor(options: EventLogOptions) {
    this.#options = options
  }

  push(event: RunStreamEvent): undefined {
    this.#last += 1
    // Counted here: a run whose code was run again would count from 1 again.
    const counted = event.id === this.#last ? event : { ...event, id: this.#last }
    if (event.event !== 'run.result') this.onEvent?.(counted)
    const bytes = bytesOf(event)
    this.#kept.push({ event: counted, bytes })
    this.#bytes += bytes
    this.#trim()
    this.wake()
  }

  end(): void {
    this.#isEnded = true
    this.wake()
  }

  /** The events after the one of that id. */
  from(after: number): StreamSource {
    return { isShared: true, read: () => new LogReader(this, after), discard() {} }
  }

  /** @throws RunError RUN_EVENTS_LOST where it is kept no more */
  at(id: number): RunStreamEvent | undefined {
    const oldest = this.#last - (this.#kept.length - this.#head) + 1
    if (id < oldest) throw this.#lost(id, oldest)
    return this.#kept[this.#head + id - oldest]?.event
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Resolves when an event has come, the log has ended, or a reader has left. */
  changed(): Promise<void> {
    this.#change ??= Promise.withResolvers<void>()
    return this.#change.promise
  }

  wake(): void {
    this.#change?.resolve()
    this.#change = undefined
  }

  #trim(): void {
    const { events, bytes } = this.#options
    while (this.#kept.length - this.#head > 1 && (this.#kept.length - this.#head > events || this.#bytes > bytes)) {
      this.#bytes -= this.#kept[this.#head]?.bytes ?? 0
      this.#kept[this.#head] = undefined
      this.#head += 1
    }
    if (this.#head < maxEmpty || this.#head < this.#kept.length / 2) return
    this.#kept.splice(0, this.#head)
    this.#head = 0
  }

  #lost(id: number, oldest: number): RunError {
    const { agent } = this.#options
    const { run } = this
    const message = `Event ${id} of run ${run} is not kept any more: the oldest is ${oldest}. Raise resumable.events or resumable.bytes, or read it faster.`
    return new RunError('RUN_EVENTS_LOST', message, {
      run,
      agent,
      started: true,
      attempt: 1,
      context: { after: id - 1, oldest },
    })
  }
}

class LogReader implements EventReader {
  readonly #log: EventLog
  #after: number
  #hasLeft = false

  constructor(log: EventLog, after: number) {
    this.#log = log
    this.#after = after
  }

  async shift(): Promise<RunStreamEvent | undefined> {
    for (;;) {
      if (this.#hasLeft) return undefined
      const event = this.#log.at(this.#after + 1)
      if (event !== undefined) {
        this.#after += 1
        return event
      }
      if (this.#log.isEnded) return undefined
      await this.#log.changed()
    }
  }

  leave(): void {
    this.#hasLeft = true
    this.#log.wake()
  }
}

/** About what an event takes in memory; exact only for text, which is most of them. */
function bytesOf({ event, data }: RunStreamEvent): number {
  const isText = event === 'text.delta' || event === 'thinking.delta'
  return eventBytes + 2 * (isText ? data.text.length : JSON.stringify(data).length)
}
