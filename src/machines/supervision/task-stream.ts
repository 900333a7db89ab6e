/**
 * Owns the flow of many tasks over a sequence of items: how many are under way, in which order their outcomes are given, and that
 * nothing goes on when the consumer leaves. One task is task.ts.
 *
 * 1. At most `maxConcurrency` items are read ahead: those whose tasks are under way, and those whose outcomes wait to be taken.
 * 2. Nothing is read or started before the first outcome is asked for.
 * 3. When the iteration has ended, for whatever reason, every task of it has ended.
 */
import type { AnyActorRef } from 'xstate'
import { AxonError } from '../../errors.ts'
import type { Task, TaskFunction, TaskOutcome } from './task.ts'

export interface StreamOptions {
  /** Default: 8. */
  maxConcurrency?: number
  /** Whether outcomes come in the order of the items, or as the tasks end. Default: true. */
  ordered?: boolean
  /** How long one task may take. Default: 5000. */
  timeoutMs?: number | 'infinity'
  /**
   * What happens then: `'exit'` ends the whole iteration with `TASK_TIMEOUT`, `'kill'` only that task, whose outcome has the reason
   * `'timeout'`. Default: `'exit'`.
   */
  onTimeout?: 'exit' | 'kill'
  /** How long tasks have to end when the iteration ends before them. Default: that of the supervisor of tasks. */
  shutdownMs?: number | 'brutal' | 'infinity'
  /** An actor that the tasks are linked to. Default: none. */
  owner?: AnyActorRef
}

/** The outcome of one task, with its item. */
export type StreamOutcome<Item, Result> = TaskOutcome<Result> & { item: Item }

interface Slot<Item, Result> {
  item: Item
  task: Promise<Task<Result>>
  outcome: TaskOutcome<Result> | undefined
}

/** Starts a task. */
export type StartTask = <Result>(run: TaskFunction<Result>) => Promise<Task<Result>>

export interface StreamParts<Item, Result> {
  items: Iterable<Item> | AsyncIterable<Item>
  run: (item: Item, signal: AbortSignal) => Result | PromiseLike<Result>
  start: StartTask
  options: StreamOptions
}

export function streamOf<Item, Result>(
  parts: StreamParts<Item, Result>,
): AsyncIterableIterator<StreamOutcome<Item, Result>> {
  const flow = new Flow(parts)
  const outcomes = flow.outcomes()
  return {
    next: () => outcomes.next(),
    return() {
      // Also where an outcome is being waited for.
      flow.leave()
      return outcomes.return(undefined)
    },
    throw: (error) => outcomes.throw(error),
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

class Flow<Item, Result> {
  readonly #parts: StreamParts<Item, Result>
  readonly #max: number
  readonly #isOrdered: boolean
  readonly #slots = new Set<Slot<Item, Result>>()
  /** Where the order of the items does not matter: those whose outcomes can be taken. */
  readonly #settled: Slot<Item, Result>[] = []
  #source: Iterator<Item> | AsyncIterator<Item> | undefined
  #isReading = false
  #isExhausted = false
  #hasLeft = false
  #failure: { error: unknown } | undefined
  #wake: () => void = () => undefined

  constructor(parts: StreamParts<Item, Result>) {
    const { maxConcurrency = 8, ordered = true } = parts.options
    if (!Number.isInteger(maxConcurrency) || maxConcurrency < 1) {
      throw new AxonError('CONFIG_INVALID', `maxConcurrency is ${maxConcurrency}; it must be a whole number above 0.`)
    }
    this.#parts = parts
    this.#max = maxConcurrency
    this.#isOrdered = ordered
  }

  async *outcomes(): AsyncGenerator<StreamOutcome<Item, Result>, undefined> {
    try {
      for (;;) {
        if (this.#hasLeft) return undefined
        if (this.#failure) throw this.#failure.error
        const outcome = this.#take()
        this.#read()
        if (outcome !== undefined) yield outcome
        else if (this.#isExhausted && this.#slots.size === 0) return undefined
        else await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      this.#hasLeft = true
      await this.#end()
    }
  }

  leave(): void {
    this.#hasLeft = true
    this.#wake()
  }

  #take(): StreamOutcome<Item, Result> | undefined {
    const [oldest] = this.#slots
    const slot = this.#isOrdered ? oldest : this.#settled.shift()
    if (slot?.outcome === undefined) return undefined
    this.#slots.delete(slot)
    return { ...slot.outcome, item: slot.item }
  }

  /** Reads the next item where there is room, and goes on with those after it. */
  #read(): void {
    if (this.#isReading || this.#isExhausted || this.#hasLeft || this.#failure || this.#slots.size >= this.#max) return
    this.#isReading = true
    void this.#next()
      .then(({ done, value }) => {
        this.#isReading = false
        if (done) this.#isExhausted = true
        else if (!this.#hasLeft) this.#begin(value)
        this.#read()
      })
      .catch((error: unknown) => {
        this.#isReading = false
        this.#isExhausted = true
        this.#failure ??= { error }
      })
      .finally(() => this.#wake())
  }

  async #next(): Promise<IteratorResult<Item>> {
    const { items } = this.#parts
    this.#source ??= Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
    return this.#source.next()
  }

  #begin(item: Item): void {
    const { run, start } = this.#parts
    const slot: Slot<Item, Result> = { item, task: start((signal) => run(item, signal)), outcome: undefined }
    this.#slots.add(slot)
    void this.#follow(slot)
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#wake())
  }

  async #follow(slot: Slot<Item, Result>): Promise<void> {
    const { timeoutMs = 5000, onTimeout = 'exit' } = this.#parts.options
    const task = await slot.task
    const outcome = await task.yield(timeoutMs)
    if (outcome === undefined && onTimeout === 'exit') {
      const message = `Task ${task.ref.id} was not done within ${timeoutMs} ms; all tasks of its stream are ended.`
      throw new AxonError('TASK_TIMEOUT', message, { context: { task: task.ref.id, timeoutMs } })
    }
    if (outcome === undefined) await task.shutdown('brutal')
    slot.outcome = outcome ?? { ok: false, reason: 'timeout' }
    if (!this.#isOrdered) this.#settled.push(slot)
  }

  /** The tasks that are under way, then the source, which may have something to close. */
  async #end(): Promise<void> {
    const { shutdownMs } = this.#parts.options
    const endings = [...this.#slots].map(async ({ task }) => {
      // One that could not be started has nothing to end, and has been told.
      const started = await task.catch(() => undefined)
      await started?.shutdown(shutdownMs)
    })
    await Promise.all(endings)
    if (this.#isExhausted) return
    const closing = Promise.resolve(this.#source?.return?.())
    // A source that is being waited for closes when it comes to it.
    if (this.#isReading) closing.catch(() => undefined)
    else await closing
  }
}
