/**
 * Owns the spans of processes that come up: `start_agent {name}`, from the check of the environment to the first readiness, with what
 * happens between as events. They are on nobody's behalf, and so traces of their own.
 */
import type { Span } from '@opentelemetry/api'
import type { AxonEvent } from './catalogue.ts'
import { names } from './conventions.ts'
import { type OpenTelemetryApi, tracerOf } from './open-telemetry.ts'

/** Hears every event of a system. The answer ends what is open. */
export function startSpans(
  api: OpenTelemetryApi,
  on: (listener: (event: AxonEvent) => void) => () => void,
): () => void {
  const spans = new Map<string, Span>()
  const end = (generation: string, code?: string) => {
    const span = spans.get(generation)
    spans.delete(generation)
    if (code !== undefined) span?.setAttribute(names.errorType, code)
    if (code !== undefined) span?.setStatus({ code: api.SpanStatusCode.ERROR, message: code })
    span?.end()
  }
  const off = on((event) => {
    switch (event.type) {
      case 'agent.provisioning': {
        const attributes = { [names.agent]: event.agent, [names.generation]: event.generation }
        const span = tracerOf(api)?.startSpan(`start_agent ${event.agent}`, { attributes, root: true })
        if (span) spans.set(event.generation, span)
        return
      }
      case 'environment.ready':
      case 'agent.starting':
      case 'process.spawned':
        spans.get(event.generation)?.addEvent(event.type)
        return
      case 'agent.ready':
        return end(event.generation)
      case 'agent.crashed':
        return end(event.generation, event.crash.error.code)
      case 'agent.stopped':
      case 'agent.idle':
        return end(event.generation, 'AGENT_STOPPED')
    }
  })
  return () => {
    off()
    for (const generation of [...spans.keys()]) end(generation, 'SUPERVISOR_CLOSED')
  }
}
