/**
 * Owns the events of one streamed run between the socket and the caller. A caller that reads slowly holds the socket back, and
 * through it the process: at most 64 events wait here.
 */
import type { RunResponse, RunStreamEvent } from '../../protocol/run.ts'
import type { Run } from './run.ts'

const maxWaiting = 64

/**
 * The events of a run as they arrive; the last is `run.result`. Read it with `for await`, once. Leaving the loop early cancels
 * the run; an error of the run is thrown into the loop.
 */
export class RunStream implements AsyncIterable<RunStreamEvent> {
  #events: EventQueue
  #run: Run
  #isTaken = false

  constructor(run: Run, events: EventQueue) {
    this.#run = run
    this.#events = events
  }

  /** The run's id. */
  get id(): string {
    return this.#run.id
  }

  /**
   * The run's answer, when it is there. Where nobody iterates, the events are read and dropped.
   * @throws RunError as `run()` does
   */
  get result(): Promise<RunResponse> {
    if (!this.#isTaken) {
      this.#isTaken = true
      this.#events.discard()
    }
    return this.#run.result
  }

  /** Ends the run; the loop ends with `RUN_CANCELLED`. */
  cancel(reason?: unknown): void {
    this.#run.cancel(reason)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunStreamEvent, void> {
    if (this.#isTaken) throw new TypeError('A RunStream can be read once. Keep the events, or start another run.')
    this.#isTaken = true
    let isDone = false
    try {
      for (;;) {
        const event = await this.#events.shift()
        if (event === undefined) break
        yield event
      }
      isDone = true
      await this.#run.result
    } finally {
      if (!isDone) {
        this.#events.discard()
        this.#run.cancel()
      }
    }
  }
}

/** A bounded queue of events: `push` waits while it is full, `shift` while it is empty. */
export class EventQueue {
  #waiting: RunStreamEvent[] = []
  #isEnded = false
  #isDiscarding = false
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  /** Resolves when there is room for the next. */
  async push(event: RunStreamEvent): Promise<void> {
    if (this.#isDiscarding) return
    this.#waiting.push(event)
    this.#wakeReader?.()
    while (this.#waiting.length >= maxWaiting && !this.#isDiscarding && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve
      })
    }
  }

  /** The next event; undefined when there will be none. */
  async shift(): Promise<RunStreamEvent | undefined> {
    while (this.#waiting.length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
    const event = this.#waiting.shift()
    this.#wakeWriter?.()
    return event
  }

  end(): void {
    this.#isEnded = true
    this.#wakeReader?.()
    this.#wakeWriter?.()
  }

  /** Nobody reads any more: what waits, and what comes, is dropped. */
  discard(): void {
    this.#isDiscarding = true
    this.#waiting = []
    this.#wakeWriter?.()
  }
}
