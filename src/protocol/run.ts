/**
 * Owns the bodies and events of a run as they travel over HTTP, snake_case included: there is no translation layer.
 * Responses come from a process that Axon started, and are checked once where they enter.
 */
import * as z from 'zod'

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() })
const filePart = z.union([
  z.strictObject({ type: z.literal('file'), media_type: z.string(), url: z.string() }),
  z.strictObject({ type: z.literal('file'), media_type: z.string(), data: z.string() }),
])

/** One run's request: the body of `run_sync` and `run_stream`. */
export const runRequest = z.strictObject({
  /** Text, or parts: `{type:'text',text}` and `{type:'file',media_type,url|data}` with `data` in base64. */
  prompt: z.union([z.string(), z.array(z.union([textPart, filePart])).min(1)]),
  /** The conversation so far: `messages` of the last response, sent back as it is. */
  message_history: z.array(z.unknown()).optional(),
  /** Replaces the agent's model for this run, for example `test` or `openai:gpt-5`. */
  model: z.string().optional(),
  /** Dependencies of the agent, validated against its own type. */
  deps: z.unknown().optional(),
  /** pydantic-ai's UsageLimits, for example `{ request_limit: 5 }`. */
  usage_limits: z.record(z.string(), z.number().nullable()).optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
})
export type RunRequest = z.infer<typeof runRequest>

const usage = z.looseObject({ total_tokens: z.number() })
/** Tokens and requests of a run; `total_tokens` is always there, 0 where the agent counts none. */
export type Usage = { total_tokens: number; input_tokens?: number; output_tokens?: number } & Record<string, unknown>

/** One run's answer. */
export const runResponse = z.object({ result: z.unknown(), messages: z.array(z.unknown()), usage })
export interface RunResponse<Result = unknown> {
  /** Any JSON: the agent's output. */
  result: Result
  /** The whole conversation, history included, in pydantic-ai's ModelMessage JSON. */
  messages: unknown[]
  usage: Usage
}

/** The one shape of an error on the wire. */
export const errorBody = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    run_id: z.string().nullish(),
    agent: z.string().nullish(),
    started: z.boolean().nullish(),
    retryable: z.boolean().nullish(),
    attempt: z.number().nullish(),
    kind: z.string().nullish(),
    traceback: z.string().nullish(),
  }),
})

/** An event of `run_stream`. `id` counts from 1 within the run; `run.result` ends a stream that succeeded. */
export type RunStreamEvent<Result = unknown> =
  | { id: number; event: 'run.started'; data: { run_id: string } }
  | { id: number; event: 'text.delta'; data: { text: string } }
  | { id: number; event: 'thinking.delta'; data: { text: string } }
  | { id: number; event: 'tool.call'; data: { id: string; name: string; arguments: unknown } }
  | { id: number; event: 'tool.result'; data: { id: string; result?: unknown; error?: string } }
  /** A person is asked, until `due_at`, in milliseconds since 1970: answered by `axon.runs.approve` or `deny`. */
  | {
      id: number
      event: 'tool.approval'
      data: { id: string; name: string; arguments: unknown; due_at: number }
    }
  | { id: number; event: 'custom'; data: { name: string; value: unknown } }
  | { id: number; event: 'run.result'; data: RunResponse<Result> }

/** Request headers that Axon adds beside `authorization`. */
export const runHeaders = {
  run: 'x-axon-run',
  attempt: 'x-axon-attempt',
  /** Milliseconds that are left for the run when the request is written. */
  deadlineMs: 'x-axon-deadline-ms',
  /** Milliseconds after which an answer of run_sync begins whose run has not ended. */
  beginMs: 'x-axon-begin-ms',
} as const
