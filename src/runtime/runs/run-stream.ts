/**
 * Owns what a caller holds of one streamed run: the ways to read it. Where the events wait until they are read is the source's:
 * event-queue.ts for one reader, event-log.ts for many.
 */
import type { RunResponse, RunStreamEvent } from '../../protocol/run.ts'

/** One reading of a stream. */
export interface EventReader {
  /** The next event; undefined when there will be none. */
  shift(): Promise<RunStreamEvent | undefined>
  /** Nobody reads on. */
  leave(): void
}

/** Where the events of a stream wait. */
export interface StreamSource {
  /** It can be read any number of times, and nobody's leaving ends the run. */
  readonly isShared: boolean
  read(): EventReader
  /** Only the result is wanted: events hold nothing back. */
  discard(): void
}

/** The run of a stream, as far as its reader sees it. */
export interface StreamedRun {
  readonly id: string
  readonly result: Promise<RunResponse>
  cancel(reason?: unknown): void
}

/**
 * The events of a run as they arrive; the last is `run.result`. An error of the run is thrown into whatever reads it. It is read
 * once, by `for await`, `text()`, `textStream` or `toReadableStream()`, and who leaves early cancels the run. Of a resumable run
 * there may be any number of readers, also of one stream, and their leaving ends nothing.
 */
export class RunStream<Result = unknown> implements AsyncIterable<RunStreamEvent<Result>> {
  #run: StreamedRun
  #source: StreamSource
  #isTaken = false

  constructor(run: StreamedRun, source: StreamSource) {
    this.#run = run
    this.#source = source
  }

  /** The run's id. */
  get id(): string {
    return this.#run.id
  }

  /**
   * The run's answer, when it is there. Where nobody reads the events, they are dropped.
   * @throws RunError as `run()` does
   */
  get result(): Promise<RunResponse<Result>> {
    if (!this.#isTaken) this.#source.discard()
    this.#isTaken = true
    return this.#run.result as Promise<RunResponse<Result>>
  }

  /** Resolves when the run is over, however it went. Unlike `result` it leaves the events to their reader. */
  get settled(): Promise<void> {
    return this.#run.result.then(
      () => {},
      () => {},
    )
  }

  /**
   * The text as it comes: the `text.delta` events of the run, those before a tool call too. An agent that tells none, and whose
   * result is text, gives that as one piece.
   */
  get textStream(): AsyncIterable<string> {
    return this.#text()
  }

  /** Ends the run; whoever reads it gets `RUN_CANCELLED`. */
  cancel(reason?: unknown): void {
    this.#run.cancel(reason)
  }

  /**
   * The whole text: that of `textStream`, joined.
   * @throws RunError as `run()` does
   */
  async text(): Promise<string> {
    let text = ''
    for await (const piece of this.#text()) text += piece
    return text
  }

  /**
   * The events as a web stream, for whatever takes one: an event is asked for when it is read, and `cancel()` is leaving early.
   * @throws TypeError where the stream has been read already
   */
  toReadableStream(): ReadableStream<RunStreamEvent<Result>> {
    const reader = this.#read()
    return new ReadableStream<RunStreamEvent<Result>>(
      {
        pull: async (controller) => {
          const event = await reader.shift()
          if (event !== undefined) return controller.enqueue(event as RunStreamEvent<Result>)
          await this.#run.result
          controller.close()
        },
        cancel: (reason) => this.#leave(reader, reason),
      },
      // Nothing is read ahead of its reader.
      { highWaterMark: 0 },
    )
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunStreamEvent<Result>, void> {
    const reader = this.#read()
    let isDone = false
    try {
      for (;;) {
        const event = await reader.shift()
        if (event === undefined) break
        yield event as RunStreamEvent<Result>
      }
      isDone = true
      await this.#run.result
    } finally {
      if (!isDone) this.#leave(reader)
    }
  }

  async *#text(): AsyncGenerator<string, void> {
    let hasText = false
    for await (const { event, data } of this) {
      if (event === 'text.delta') {
        hasText = true
        yield data.text
      } else if (event === 'run.result' && !hasText && typeof data.result === 'string') yield data.result
    }
  }

  #read(): EventReader {
    if (this.#isTaken && !this.#source.isShared) {
      throw new TypeError('A RunStream can be read once. Keep the events, start another run, or start it as resumable.')
    }
    this.#isTaken = true
    return this.#source.read()
  }

  #leave(reader: EventReader, reason?: unknown): void {
    reader.leave()
    if (!this.#source.isShared) this.#run.cancel(reason)
  }
}
