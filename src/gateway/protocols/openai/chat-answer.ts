/**
 * Owns what a chat completion answers: one object, or the chunks of a stream made from the events of a run.
 *
 * 1. The first chunk is sent when the agent has begun: what goes wrong before has a status of its own.
 * 2. Tool calls of the agent are its own affair, and are not handed to the client; text after one is a new paragraph.
 */
import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import type { RunResponse, RunStreamEvent } from '../../../protocol/run.ts'
import { dataText } from '../../event-stream.ts'
import { finishOf, seconds, textOf, tokensOf } from '../answers.ts'

const usage = z.object({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  total_tokens: z.number(),
  prompt_tokens_details: z.object({ cached_tokens: z.number() }),
  completion_tokens_details: z.object({ reasoning_tokens: z.number() }),
})

export const chatCompletion = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int(),
      message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
      logprobs: z.null(),
      finish_reason: z.enum(['stop', 'length', 'content_filter']),
    }),
  ),
  usage,
})

export function completionOf(agent: string, response: RunResponse): z.infer<typeof chatCompletion> {
  const message = { role: 'assistant' as const, content: textOf(response.result), refusal: null }
  return {
    id: newId(),
    object: 'chat.completion',
    created: seconds(),
    model: agent,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishOf(response) }],
    usage: usageOf(response),
  }
}

/** @param hasUsage whether the last chunk tells the usage */
export async function* chunksOf(
  events: AsyncIterable<RunStreamEvent>,
  agent: string,
  hasUsage: boolean,
): AsyncGenerator<string, void> {
  const head = { id: newId(), object: 'chat.completion.chunk', created: seconds(), model: agent }
  const chunk = (delta: Record<string, unknown>, finish_reason: string | null = null) =>
    dataText({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      ...(hasUsage && { usage: null }),
    })
  let hasText = false
  let isParagraph = false
  for await (const { event, data } of events) {
    if (event === 'run.started') yield chunk({ role: 'assistant', content: '', refusal: null })
    else if (event === 'tool.call') isParagraph = hasText
    else if (event === 'text.delta') {
      yield chunk({ content: isParagraph ? `\n\n${data.text}` : data.text })
      hasText = true
      isParagraph = false
    } else if (event === 'run.result') {
      const text = hasText ? '' : textOf(data.result)
      yield (text === '' ? '' : chunk({ content: text })) +
        chunk({}, finishOf(data)) +
        (hasUsage ? dataText({ ...head, choices: [], usage: usageOf(data) }) : '') +
        'data: [DONE]\n\n'
    }
  }
}

function usageOf(response: RunResponse): z.infer<typeof usage> {
  const { input, cached, output, reasoning, total } = tokensOf(response.usage)
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: total,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  }
}

function newId(): string {
  return `chatcmpl-${randomUUID()}`
}
