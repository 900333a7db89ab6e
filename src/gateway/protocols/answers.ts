/**
 * Owns what an answer tells of a run in the words of clients: its text, its usage, and why it ended.
 */
import type { RunResponse, Usage } from '../../protocol/run.ts'

/** What an agent answers, as text: what is no text is JSON. */
export function textOf(result: unknown): string {
  if (typeof result === 'string') return result
  return result === null || result === undefined ? '' : JSON.stringify(result)
}

export interface Tokens {
  input: number
  cached: number
  cacheWritten: number
  output: number
  reasoning: number
  total: number
}

/** As far as the agent counts them. */
export function tokensOf(usage: Usage): Tokens {
  const details = (usage.details ?? {}) as Record<string, unknown>
  return {
    input: count(usage.input_tokens),
    cached: count(usage.cache_read_tokens),
    cacheWritten: count(usage.cache_write_tokens),
    output: count(usage.output_tokens),
    reasoning: count(details.reasoning_tokens),
    total: usage.total_tokens,
  }
}

/** Where the model was cut off, or kept from answering, the last message says so. */
export function finishOf({ messages }: RunResponse): 'stop' | 'length' | 'content_filter' {
  const last = messages.at(-1) as { finish_reason?: unknown } | undefined
  const reason = last?.finish_reason
  return reason === 'length' || reason === 'content_filter' ? reason : 'stop'
}

/** When, as OpenAI tells time. */
export function seconds(): number {
  return Math.floor(Date.now() / 1_000)
}

function count(given: unknown): number {
  return typeof given === 'number' ? given : 0
}
