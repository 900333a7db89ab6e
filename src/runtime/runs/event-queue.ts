/**
 * Owns the events of one streamed run between the socket and its one reader. Who reads slowly holds the socket back, and through
 * it the process: at most 64 events wait here.
 */
import type { RunStreamEvent } from '../../protocol/run.ts'
import type { EventReader, StreamSource } from './run-stream.ts'

const maxWaiting = 64

/** Takes the events of a run. */
export interface EventSink {
  /** Where a promise is given, the next event waits for it. */
  push(event: RunStreamEvent): Promise<void> | undefined
  /** There will be none any more. */
  end(): void
}

export class EventQueue implements EventSink, EventReader, StreamSource {
  readonly isShared = false
  #waiting: RunStreamEvent[] = []
  #isEnded = false
  #isDiscarding = false
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  push(event: RunStreamEvent): Promise<void> | undefined {
    if (this.#isDiscarding) return undefined
    this.#waiting.push(event)
    this.#wakeReader?.()
    return this.#isFull ? this.#room() : undefined
  }

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

  read(): EventReader {
    return this
  }

  /** What waits, and what comes, is dropped. */
  discard(): void {
    this.#isDiscarding = true
    this.#waiting = []
    this.#wakeWriter?.()
  }

  leave(): void {
    this.discard()
  }

  get #isFull(): boolean {
    return this.#waiting.length >= maxWaiting && !this.#isDiscarding && !this.#isEnded
  }

  async #room(): Promise<void> {
    while (this.#isFull) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve
      })
    }
  }
}
