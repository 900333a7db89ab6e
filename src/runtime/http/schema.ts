/**
 * Owns the question to a process what its agent takes, gives, and can call.
 */
import { AxonError } from '../../errors.ts'
import { type AgentSchema, agentSchema } from '../../protocol/schema.ts'
import type { Link } from '../placement/link.ts'

/** @throws AxonError AGENT_STOPPED where the agent has no process, PROTOCOL_INVALID_RESPONSE, PROTOCOL_CONNECTION_CLOSED */
export async function readSchema(agent: string, links: Iterable<Link>): Promise<AgentSchema> {
  for (const link of links) if (link.agent === agent && link.pool) return parsed(link, await body(link, link.pool))
  const message = `Agent ${agent} has no process that could tell its schema. Start it, for example by a run.`
  throw new AxonError('AGENT_STOPPED', message, { agent })
}

async function body({ agent, token, prefix }: Link, pool: NonNullable<Link['pool']>): Promise<unknown> {
  try {
    const headers = { authorization: `Bearer ${token}` }
    const response = await pool.request({ path: `${prefix}/agents/${agent}/schema`, method: 'GET', headers })
    return await response.body.json()
  } catch (cause) {
    const message = `The schema of ${agent} could not be read: ${(cause as Error).message}. Try again.`
    throw new AxonError('PROTOCOL_CONNECTION_CLOSED', message, { agent, cause })
  }
}

function parsed({ agent }: Link, told: unknown): AgentSchema {
  const { success, data, error } = agentSchema.safeParse(told)
  if (success) return data
  const message = `The schema of ${agent} is not what its process should tell. Is another server on its port, or a middleware in its way?`
  throw new AxonError('PROTOCOL_INVALID_RESPONSE', message, { agent, cause: error })
}
