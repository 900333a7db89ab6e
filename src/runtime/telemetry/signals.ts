/**
 * Owns whether a system speaks to OpenTelemetry, and begins and ends that with it: traces, spans of starts, metrics.
 */
import { type Metered, startMetering } from './metering.ts'
import { loadApi, meterOf, type OpenTelemetryApi, tracerOf } from './open-telemetry.ts'
import { startSpans } from './start-spans.ts'
import type { OpenTelemetryOptions, Traces } from './traces.ts'
import { Tracing } from './tracing.ts'

export class Signals {
  readonly traces: Traces
  readonly #api: OpenTelemetryApi | undefined

  constructor(options: boolean | OpenTelemetryOptions = true, env: NodeJS.ProcessEnv = {}) {
    this.#api = options === false ? undefined : loadApi()
    const said = env.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT?.toLowerCase() ?? ''
    const { captureMessageContent = ['true', 'span_only', 'span_and_event'].includes(said) } =
      typeof options === 'object' ? options : {}
    this.traces = new Tracing({ api: this.#api, capturesContent: captureMessageContent })
  }

  /** Listens where an SDK is registered by now. The answer ends it. */
  start(metered: Metered): () => void {
    const api = this.#api
    const meter = api && meterOf(api)
    const ends = [
      ...(api && tracerOf(api) ? [startSpans(api, metered.on)] : []),
      ...(meter ? [startMetering(meter, metered)] : []),
    ]
    return () => {
      for (const end of ends) end()
    }
  }
}
