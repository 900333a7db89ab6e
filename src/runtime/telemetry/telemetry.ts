/**
 * Owns the way of an event to those who listen: subscribers and the log. Costs two look-ups where nobody does.
 */
import { EventEmitter } from 'eventemitter3'
import type { Logger } from 'pino'
import type { AxonEvent, AxonEventName, AxonEventOf } from './catalogue.ts'
import { Log } from './log.ts'
import type { Traces } from './traces.ts'

export type AxonListener<Name extends AxonEventName | '*'> = (
  event: Name extends AxonEventName ? AxonEventOf<Name> : AxonEvent,
) => void

export class Telemetry {
  #emitter = new EventEmitter()
  #log: Log | undefined
  /** Tells which trace a run belongs to. */
  traces: Pick<Traces, 'idsOf'> | undefined

  constructor(logger?: Logger) {
    this.#log =
      logger && new Log(logger, { tell: (event) => this.tell(event), fieldsOf: (event) => this.#idsOf(event) })
  }

  /** Calls `listener` for each event of that name, or for every event at `*`. The answer ends it. */
  on<Name extends AxonEventName | '*'>(name: Name, listener: AxonListener<Name>): () => void {
    // A listener that throws must not keep the event from the others, nor from Axon.
    const guarded = (event: AxonEvent) => {
      try {
        ;(listener as (event: AxonEvent) => void)(event)
      } catch (error) {
        process.emitWarning(`A listener of ${event.type} threw: ${error instanceof Error ? error.message : error}`, {
          type: 'AxonListenerWarning',
          ...(error instanceof Error && error.stack !== undefined && { detail: error.stack }),
        })
      }
    }
    this.#emitter.on(name, guarded)
    return () => this.#emitter.off(name, guarded)
  }

  tell(event: AxonEvent): void {
    if (this.#emitter.listenerCount(event.type) > 0) this.#emitter.emit(event.type, event)
    if (this.#emitter.listenerCount('*') > 0) this.#emitter.emit('*', event)
    this.#log?.write(event)
  }

  close(): void {
    this.#emitter.removeAllListeners()
    this.#log?.close()
  }

  #idsOf(event: AxonEvent): object | undefined {
    const ids = 'run' in event ? this.traces?.idsOf(event.run) : undefined
    return ids && { trace_id: ids.traceId, span_id: ids.spanId }
  }
}
