/**
 * Owns the answering of A2A's JSON-RPC: what the library makes of a body, as JSON or as a stream of events.
 */
import { AgentCard } from '@a2a-js/sdk'
import { JsonRpcTransportHandler, ServerCallContext, validateVersion } from '@a2a-js/sdk/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AgentSnapshot } from '../../../runtime/agent-view.ts'
import type { Front } from '../../front.ts'
import { cardOf } from './card.ts'
import { demandCall } from './incoming.ts'
import { TaskMemory, Tasks } from './tasks.ts'

export class A2aServer {
  readonly #front: Front
  readonly #memory = new TaskMemory()

  constructor(front: Front) {
    this.#front = front
  }

  card(agent: AgentSnapshot, url: string): unknown {
    return AgentCard.toJSON(cardOf(agent, url, this.#front.settings.auth))
  }

  async answer(request: FastifyRequest, reply: FastifyReply, agent: AgentSnapshot): Promise<FastifyReply> {
    const front = this.#front
    const body = request.body as Record<string, unknown>
    const id = typeof body === 'object' && body !== null ? (body.id ?? null) : null
    const failed = (error: unknown) => ({ jsonrpc: '2.0', id, error: JsonRpcTransportHandler.mapToJSONRPCError(error) })
    const tasks = new Tasks({
      front,
      memory: this.#memory,
      caller: front.caller(request),
      agent: agent.name,
      gone: front.gone(reply),
    })
    try {
      const version = request.headers['a2a-version']
      const context = new ServerCallContext(typeof version === 'string' ? { requestedVersion: version } : {})
      validateVersion(context.requestedVersion, cardOf(agent, '', true), 'JSONRPC')
      demandCall(body)
      const answer = await new JsonRpcTransportHandler(tasks).handle(body, context)
      if (!(Symbol.asyncIterator in answer)) return await reply.send(answer)
      await front.send(reply, texts(answer), (error) => text(failed(error)))
      return reply
    } catch (error) {
      return await reply.send(failed(error))
    }
  }
}

async function* texts(answers: AsyncIterable<unknown>): AsyncGenerator<string, void> {
  for await (const answer of answers) yield text(answer)
}

function text(answer: unknown): string {
  return `data: ${JSON.stringify(answer)}\n\n`
}
