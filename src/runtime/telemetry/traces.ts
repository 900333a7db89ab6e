/**
 * Owns the shapes of tracing as the rest of the runtime sees it. What fills them is tracing.ts, where OpenTelemetry is there.
 */
import type { AgentDefinition } from '../../machines/definition.ts'
import type { RunFact } from '../../machines/facts.ts'
import type { InvokeFrame } from '../../protocol/control.ts'
import type { RunResponse } from '../../protocol/run.ts'
import type { Execute } from '../runs/run-spec.ts'
import type { TraceHeaders, TraceIds } from './trace-context.ts'

/** Options of tracing and metrics through OpenTelemetry. */
export interface OpenTelemetryOptions {
  /**
   * Prompts, results, and arguments and results of tools are put on spans, as `gen_ai.input.messages` and the like. Default: what the
   * variable `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says, else false.
   */
  captureMessageContent?: boolean | undefined
}

/** What is known of a run when it begins. */
export interface TracedRun {
  run: string
  mode: 'sync' | 'stream'
  definition: AgentDefinition
  body: string
  parent?: { readonly id: string } | undefined
  /** What the caller gave; it goes before the caller's active context. */
  given?: { trace?: TraceHeaders | undefined; conversation?: string | undefined } | undefined
}

/** The span of a run, or what its caller gave to be passed on. */
export interface RunTrace {
  hear(fact: RunFact, response?: RunResponse): void
  /** The calls of its attempts carry its context, and make no spans of their own. */
  around(execute: Execute): Execute
}

/** The span of a tool's call. */
export interface ToolTrace {
  /** Runs what the tool does within its context. */
  within<Result>(work: () => Result): Result
  returned(result: unknown): void
  failed(code: string): void
}

export interface Traces {
  /** Undefined where nobody traces and nothing is to be passed on. */
  begin(run: TracedRun): RunTrace | undefined
  /** Undefined where nobody traces. */
  tool(frame: InvokeFrame, agent: string): ToolTrace | undefined
  /** Of a run that is under way or has just ended. */
  idsOf(run: string): TraceIds | undefined
}
