/**
 * Owns how the OpenAI protocols run an agent: as a whole or as events, with an idempotency key or without.
 *
 * 1. A client that goes away ends its run; a stream with a key goes on, since the key says that it may be read again.
 */
import type { FastifyReply } from 'fastify'
import type { RunRequest, RunResponse, RunStreamEvent } from '../../../protocol/run.ts'
import type { Front } from '../../front.ts'
import { readAgain } from '../../routes/agents.ts'
import type { Caller } from '../../tokens.ts'

export interface Ordered {
  caller: Caller
  agent: string
  request: RunRequest
  key: string | undefined
}

export function runWhole(
  front: Front,
  reply: FastifyReply,
  { caller, agent, request, key }: Ordered,
): Promise<RunResponse> {
  return front.runs.run(caller, agent, request, { signal: front.gone(reply), key })
}

export async function runStreamed(
  front: Front,
  reply: FastifyReply,
  { caller, agent, request, key }: Ordered,
): Promise<{ id: string; events: AsyncIterable<RunStreamEvent> }> {
  if (key === undefined) {
    const stream = front.runs.stream(caller, agent, request, { signal: front.gone(reply) })
    return { id: stream.id, events: stream }
  }
  const { id } = front.runs.start(caller, agent, request, { key })
  return { id, events: await readAgain(front, reply, caller, id, 0) }
}
