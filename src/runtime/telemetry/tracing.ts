/**
 * Owns the spans of runs and of tool calls: `invoke_agent {name}` and `execute_tool {name}`, and what goes to Python so that spans
 * there are their children. What is not on behalf of a run is start-spans.ts.
 *
 * 1. Where no SDK is registered no span is made; what a caller gave as `trace` is passed on all the same.
 * 2. A child run is under the tool call that made it, a tool call under the span of Python's that asked, else under its run.
 * 3. Contents are on spans only where they were asked for; of errors there is the code.
 */
import type { Context, Span, Tracer } from '@opentelemetry/api'
import type { RunFact } from '../../machines/facts.ts'
import type { InvokeFrame } from '../../protocol/control.ts'
import type { RunResponse } from '../../protocol/run.ts'
import type { Execute } from '../runs/run-spec.ts'
import { agentAttributes, names } from './conventions.ts'
import { inputMessages, outputMessages } from './message-content.ts'
import { type OpenTelemetryApi, suppressed, tracerOf } from './open-telemetry.ts'
import { readTraceparent, type TraceHeaders, type TraceIds, writeTraceparent } from './trace-context.ts'
import type { RunTrace, ToolTrace, TracedRun, Traces } from './traces.ts'

/** So many runs that have ended are known, for the lines of the log that come after their end. */
const remembered = 256

export interface TracingOptions {
  /** Undefined: nothing is traced, and what callers gave is passed on. */
  api: OpenTelemetryApi | undefined
  capturesContent: boolean
}

export class Tracing implements Traces {
  readonly #options: TracingOptions
  readonly #runs = new Map<string, TracedSpan | Passed>()
  /** The oldest first. An id may belong to a newer run by now. */
  #ended: { id: string; trace: TracedSpan | Passed }[] = []

  constructor(options: TracingOptions) {
    this.#options = options
  }

  begin(run: TracedRun): RunTrace | undefined {
    const { api } = this.#options
    const tracer = api && tracerOf(api)
    const trace = run.given?.trace
    if (tracer === undefined && trace === undefined) return undefined
    const end = () => this.#forget(run.run)
    const made = api && tracer ? this.#start(api, tracer, run, end) : new Passed(trace as TraceHeaders, end)
    this.#runs.set(run.run, made)
    return made
  }

  tool(frame: InvokeFrame, agent: string): ToolTrace | undefined {
    const { api, capturesContent } = this.#options
    const tracer = api && tracerOf(api)
    if (api === undefined || tracer === undefined) return undefined
    const asked = frame.traceparent === undefined ? undefined : readTraceparent(frame.traceparent)
    const run = this.#runs.get(frame.run)
    const own = run instanceof TracedSpan ? run.context : api.ROOT_CONTEXT
    const parent = asked ? api.trace.setSpanContext(own, { ...asked, isRemote: true }) : own
    const attributes = {
      [names.operation]: 'execute_tool',
      [names.tool]: frame.tool,
      [names.toolType]: 'function',
      [names.toolCall]: frame.id,
      [names.agent]: agent,
      [names.run]: frame.run,
      ...(capturesContent && { [names.toolArguments]: JSON.stringify(frame.arguments) }),
    }
    const span = tracer.startSpan(`execute_tool ${frame.tool}`, { kind: api.SpanKind.INTERNAL, attributes }, parent)
    const context = api.trace.setSpan(parent, span)
    return {
      within: (work) => api.context.with(context, work),
      returned: (result) => {
        if (capturesContent) span.setAttribute(names.toolResult, JSON.stringify(result) ?? 'null')
        span.end()
      },
      failed: (code) => {
        fail(api, span, code)
        span.end()
      },
    }
  }

  idsOf(run: string): TraceIds | undefined {
    return this.#runs.get(run)?.ids
  }

  #start(api: OpenTelemetryApi, tracer: Tracer, run: TracedRun, end: () => void): TracedSpan {
    const { definition, given } = run
    const parent = this.#parentOf(api, run)
    const attributes = {
      ...agentAttributes(definition),
      [names.run]: run.run,
      [names.mode]: run.mode,
      ...(given?.conversation !== undefined && { [names.conversation]: given.conversation }),
      ...(this.#options.capturesContent && { [names.inputMessages]: inputMessages(run.body) }),
    }
    const span = tracer.startSpan(`invoke_agent ${definition.name}`, { kind: api.SpanKind.CLIENT, attributes }, parent)
    const baggage = given?.trace ? given.trace.baggage : baggageOf(api, parent)
    return new TracedSpan(api, span, api.trace.setSpan(parent, span), baggage, this.#options.capturesContent, end)
  }

  #parentOf(api: OpenTelemetryApi, { given, parent }: TracedRun): Context {
    const active = api.context.active()
    const ids = given?.trace && readTraceparent(given.trace.traceparent)
    if (ids) {
      const { tracestate } = given.trace as TraceHeaders
      const state = tracestate === undefined ? undefined : api.createTraceState(tracestate)
      return api.trace.setSpanContext(active, { ...ids, isRemote: true, ...(state && { traceState: state }) })
    }
    // An application without a context manager has no active context: then a child is under the run itself.
    const above = parent && this.#runs.get(parent.id)
    return api.trace.getSpan(active) === undefined && above instanceof TracedSpan ? above.context : active
  }

  #forget(id: string): void {
    const trace = this.#runs.get(id)
    if (trace) this.#ended.push({ id, trace })
    if (this.#ended.length < 2 * remembered) return
    for (const { id, trace } of this.#ended.splice(0, remembered))
      if (this.#runs.get(id) === trace) this.#runs.delete(id)
  }
}

/** What a caller gave goes on to Python as it came. */
class Passed implements RunTrace {
  readonly ids: TraceIds | undefined
  readonly #headers: TraceHeaders
  readonly #end: () => void

  constructor(headers: TraceHeaders, end: () => void) {
    this.ids = readTraceparent(headers.traceparent)
    this.#headers = headers
    this.#end = end
  }

  hear({ type }: RunFact): void {
    if (type === 'run.settled') this.#end()
  }

  around(execute: Execute): Execute {
    return (call, signal) => execute({ ...call, trace: this.#headers }, signal)
  }
}

class TracedSpan implements RunTrace {
  readonly ids: TraceIds
  readonly context: Context
  readonly #api: OpenTelemetryApi
  readonly #span: Span
  readonly #headers: TraceHeaders
  readonly #capturesContent: boolean
  readonly #end: () => void

  constructor(
    api: OpenTelemetryApi,
    span: Span,
    context: Context,
    baggage: string | undefined,
    capturesContent: boolean,
    end: () => void,
  ) {
    const { traceId, spanId, traceFlags, traceState } = span.spanContext()
    this.ids = { traceId, spanId, traceFlags }
    const tracestate = traceState?.serialize()
    this.#headers = {
      traceparent: writeTraceparent(this.ids),
      ...(tracestate && { tracestate }),
      ...(baggage && { baggage }),
    }
    this.context = context
    this.#api = api
    this.#span = span
    this.#capturesContent = capturesContent
    this.#end = end
  }

  around(execute: Execute): Execute {
    const context = suppressed(this.#api, this.context)
    return (call, signal) => this.#api.context.with(context, () => execute({ ...call, trace: this.#headers }, signal))
  }

  hear(fact: RunFact, response?: RunResponse): void {
    const span = this.#span
    switch (fact.type) {
      case 'run.started':
        span.addEvent('run.started', { [names.generation]: fact.generation })
        span.setAttribute(names.generation, fact.generation)
        return
      case 'run.requeued':
        span.addEvent('run.requeued', { [names.generation]: fact.generation, [names.attempt]: fact.attempt })
        return
      case 'run.settled': {
        const { status, started, attempt, inputTokens, outputTokens, error } = fact
        span.setAttribute(names.outcome, status)
        span.setAttribute(names.attempt, attempt)
        if (started !== undefined) span.setAttribute(names.started, started)
        if (inputTokens !== undefined) span.setAttribute(names.inputTokens, inputTokens)
        if (outputTokens !== undefined) span.setAttribute(names.outputTokens, outputTokens)
        if (error) fail(this.#api, span, error.code)
        if (response && this.#capturesContent) span.setAttribute(names.outputMessages, outputMessages(response))
        span.end()
        this.#end()
      }
    }
  }
}

function fail(api: OpenTelemetryApi, span: Span, code: string): void {
  span.setAttribute(names.errorType, code)
  span.setStatus({ code: api.SpanStatusCode.ERROR, message: code })
}

/** Baggage of the active context, as its header. */
function baggageOf(api: OpenTelemetryApi, context: Context): string | undefined {
  const entries = api.propagation.getBaggage(context)?.getAllEntries() ?? []
  const written = entries.map(([key, { value, metadata }]) => {
    const about = metadata === undefined ? '' : `;${metadata.toString()}`
    return `${encodeURIComponent(key)}=${encodeURIComponent(value)}${about}`
  })
  return written.length === 0 ? undefined : written.join(',')
}
