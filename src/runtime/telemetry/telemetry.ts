/**
 * Owns the way of an event to those who listen: subscribers and the log. Costs two look-ups where nobody does.
 */
import { EventEmitter } from 'eventemitter3'
import type { Logger } from 'pino'
import { type AxonEvent, type AxonEventName, type AxonEventOf, catalogue } from './catalogue.ts'
import type { Traces } from './traces.ts'

export type AxonListener<Name extends AxonEventName | '*'> = (
  event: Name extends AxonEventName ? AxonEventOf<Name> : AxonEvent,
) => void

export class Telemetry {
  #emitter = new EventEmitter()
  #logger: Logger | undefined
  /** Tells which trace a run belongs to. */
  traces: Pick<Traces, 'idsOf'> | undefined

  constructor(logger?: Logger) {
    this.#logger = logger
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
    if (this.#logger) this.#log(this.#logger, event)
  }

  close(): void {
    this.#emitter.removeAllListeners()
  }

  #log(logger: Logger, event: AxonEvent): void {
    const { level, unlogged } = catalogue[event.type]
    if (!logger.isLevelEnabled(level)) return
    const { type, ...fields } = event
    if (unlogged !== undefined) delete (fields as Record<string, unknown>)[unlogged]
    const ids = 'run' in event ? this.traces?.idsOf(event.run) : undefined
    logger[level](ids ? { ...fields, trace_id: ids.traceId, span_id: ids.spanId } : fields, type)
  }
}
