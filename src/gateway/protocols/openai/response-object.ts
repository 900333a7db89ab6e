/**
 * Owns the object that a response is, from its beginning to its end, and the items of its output.
 */
import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import type { RunResponse } from '../../../protocol/run.ts'
import { finishOf, seconds, tokensOf } from '../answers.ts'
import type { AskedResponse } from './response-request.ts'

const message = z.object({
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  status: z.enum(['in_progress', 'completed']),
  content: z.array(
    z.object({
      type: z.literal('output_text'),
      text: z.string(),
      annotations: z.array(z.never()),
      logprobs: z.array(z.never()),
    }),
  ),
})

const reasoning = z.object({
  id: z.string(),
  type: z.literal('reasoning'),
  status: z.enum(['in_progress', 'completed']),
  summary: z.array(z.object({ type: z.literal('summary_text'), text: z.string() })),
})

const output = z.discriminatedUnion('type', [message, reasoning])
export type OutputItem = z.infer<typeof output>

const usage = z.object({
  input_tokens: z.number(),
  input_tokens_details: z.object({ cached_tokens: z.number(), cache_write_tokens: z.number() }),
  output_tokens: z.number(),
  output_tokens_details: z.object({ reasoning_tokens: z.number() }),
  total_tokens: z.number(),
})

export const responseObject = z.object({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.int(),
  status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  incomplete_details: z.object({ reason: z.enum(['max_output_tokens', 'content_filter']) }).nullable(),
  instructions: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  model: z.string(),
  output: z.array(output),
  previous_response_id: z.string().nullable(),
  store: z.boolean(),
  usage: usage.nullable(),
  background: z.literal(false),
  max_output_tokens: z.null(),
  parallel_tool_calls: z.literal(true),
  temperature: z.null(),
  text: z.object({ format: z.object({ type: z.literal('text') }) }),
  tool_choice: z.literal('auto'),
  tools: z.array(z.never()),
  top_p: z.null(),
  truncation: z.literal('disabled'),
})
export type ResponseObject = z.infer<typeof responseObject>

/** A response that has begun. */
export function begun(id: string, { agent, instructions, previous, isKept, metadata }: AskedResponse): ResponseObject {
  return {
    id,
    object: 'response',
    created_at: seconds(),
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: instructions ?? null,
    metadata,
    model: agent,
    output: [],
    previous_response_id: previous ?? null,
    store: isKept,
    usage: null,
    background: false,
    max_output_tokens: null,
    parallel_tool_calls: true,
    temperature: null,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: null,
    truncation: 'disabled',
  }
}

/** The same response at its end: completed, or incomplete where the model was cut off. */
export function ended(response: ResponseObject, answer: RunResponse, output: OutputItem[]): ResponseObject {
  const finish = finishOf(answer)
  const { input, cached, cacheWritten, output: written, reasoning, total } = tokensOf(answer.usage)
  return {
    ...response,
    status: finish === 'stop' ? 'completed' : 'incomplete',
    incomplete_details: finish === 'stop' ? null : { reason: finish === 'length' ? 'max_output_tokens' : finish },
    output,
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: cached, cache_write_tokens: cacheWritten },
      output_tokens: written,
      output_tokens_details: { reasoning_tokens: reasoning },
      total_tokens: total,
    },
  }
}

export function messageItem(text: string, id = itemId('message')): OutputItem {
  const content = [textPart(text)]
  return { id, type: 'message', role: 'assistant', status: 'completed', content }
}

export function textPart(text: string) {
  return { type: 'output_text' as const, text, annotations: [], logprobs: [] }
}

export function itemId(type: OutputItem['type']): string {
  return `${type === 'message' ? 'msg' : 'rs'}_${randomUUID().replaceAll('-', '')}`
}
