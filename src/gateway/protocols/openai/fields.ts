/**
 * Owns the fields of a request that chat completions and responses share, and what is refused in both.
 */
import * as z from 'zod'
import type { RunRequest } from '../../../protocol/run.ts'
import type { Conversation } from './turns.ts'

const noTools = z
  .array(z.unknown())
  .max(0, { error: 'An agent has its own tools, and calls none of its client. Leave it out' })
  .nullish()

export const sharedFields = {
  /** The name of an agent. */
  model: z.string(),
  stream: z.boolean().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  user: z.string().nullish(),
  tools: noTools,
  functions: noTools,
}

/** What the agent is asked. */
export function requestOf(
  { prompt, history }: Conversation,
  { metadata, user }: { metadata?: Record<string, string> | null | undefined; user?: string | null | undefined },
): RunRequest {
  return {
    prompt,
    ...(history.length > 0 && { message_history: history }),
    ...((metadata || user) && { metadata: { ...(user && { user }), ...metadata } }),
  }
}
