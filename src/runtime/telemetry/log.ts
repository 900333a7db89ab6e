/**
 * Owns the log: which line an event makes, and what becomes of lines where the logger or its destination fails.
 *
 * 1. A log ends no system and holds up no run: what it throws, and what its destination tells as an error, is told as `log.failed`.
 * 2. After a failure a second passes before a line is handed over again; those between are dropped and counted. A destination
 *    keeps in memory what it could not write, so that it must not be given more of it.
 * 3. A log that took a line and told of no failure for a second is restored, and says how much is missing.
 */
import { EventEmitter } from 'node:events'
import type { Logger } from 'pino'
import { type AxonEvent, catalogue } from './catalogue.ts'

const pauseMs = 1_000

export interface LogOptions {
  tell: (event: AxonEvent) => void
  /** Fields that the line of an event has beside its own. Default: none. */
  fieldsOf?: ((event: AxonEvent) => object | undefined) | undefined
  /** A monotonic clock in milliseconds. Default: `performance.now`. */
  now?: (() => number) | undefined
}

export class Log {
  readonly #logger: Logger
  readonly #options: LogOptions
  readonly #now: () => number
  readonly #leave: () => void
  #isFailing = false
  /** A line was handed over since the last failure. */
  #isTrying = false
  #nextAt = 0
  #dropped = 0

  constructor(logger: Logger, options: LogOptions) {
    this.#logger = logger
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
    this.#leave = hear(destinationOf(logger), this)
  }

  write(event: AxonEvent): void {
    const { level, unlogged } = catalogue[event.type]
    if (!this.#logger.isLevelEnabled(level) || !this.#mayWrite()) return
    const { type, ...fields } = event
    if (unlogged !== undefined) delete (fields as Record<string, unknown>)[unlogged]
    try {
      this.#logger[level]({ ...fields, ...this.#options.fieldsOf?.(event) }, type)
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error))
    }
  }

  /** A line was not written. */
  fail(message: string): void {
    this.#dropped += 1
    this.#isTrying = false
    this.#nextAt = this.#now() + pauseMs
    if (this.#isFailing) return
    this.#isFailing = true
    this.#options.tell({ type: 'log.failed', message })
  }

  close(): void {
    this.#leave()
  }

  #mayWrite(): boolean {
    if (!this.#isFailing) return true
    if (this.#now() < this.#nextAt) {
      this.#dropped += 1
      return false
    }
    if (this.#isTrying) {
      this.#restore()
      // The line that says so may have failed.
      return this.#mayWrite()
    }
    this.#isTrying = true
    this.#nextAt = this.#now() + pauseMs
    return true
  }

  #restore(): void {
    const dropped = this.#dropped
    this.#isFailing = false
    this.#dropped = 0
    this.#options.tell({ type: 'log.restored', dropped })
  }
}

/** The logs of each destination that is listened to. */
const heard = new WeakMap<EventEmitter, Set<Log>>()

/**
 * The listeners of a destination stay: it may tell of a line long after the system that wrote it has closed, and an error that
 * nobody listens to ends the process.
 */
function hear(destination: EventEmitter | undefined, log: Log): () => void {
  if (destination === undefined) return () => {}
  const logs = heard.get(destination) ?? new Set()
  if (!heard.has(destination)) {
    heard.set(destination, logs)
    const fail = (message: string) => {
      for (const each of logs) each.fail(message)
    }
    destination.on('error', (error: unknown) => fail(error instanceof Error ? error.message : String(error)))
    destination.on('drop', () => fail('its destination does not keep up'))
  }
  logs.add(log)
  return () => void logs.delete(log)
}

/** pino has it under a symbol, of which each copy of pino has one of its own. */
function destinationOf(logger: object): EventEmitter | undefined {
  for (let object: object | null = logger; object !== null; object = Object.getPrototypeOf(object)) {
    const symbol = Object.getOwnPropertySymbols(object).find(({ description }) => description === 'pino.stream')
    if (symbol === undefined) continue
    const destination = (object as Record<symbol, unknown>)[symbol]
    return destination instanceof EventEmitter ? destination : undefined
  }
  return undefined
}
