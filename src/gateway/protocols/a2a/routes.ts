/**
 * Owns the addresses of A2A: the card of each agent, and where it is called. What is said there is server.ts's.
 */
import type { FastifyRequest } from 'fastify'
import { AxonError } from '../../../errors.ts'
import type { AgentSnapshot } from '../../../runtime/agent-view.ts'
import type { Front } from '../../front.ts'
import { demandAgent, demandRole, mayUse } from '../../guards.ts'
import type { AgentParams } from '../../routes/agents.ts'
import type { A2aServer } from './server.ts'

const cardPath = '/.well-known/agent-card.json'

export function a2aRoutes(front: Front): void {
  const { app, axon } = front
  let loading: Promise<A2aServer> | undefined
  // Loaded when it is first asked for: a gateway that nobody speaks A2A to does without.
  const server = () => {
    loading ??= import('./server.ts').then(({ A2aServer }) => new A2aServer(front))
    return loading
  }
  const card = async (request: FastifyRequest, agent: string) =>
    (await server()).card(snapshotOf(front, request, agent), `${originOf(request)}/agents/${agent}/a2a`)

  app.get<AgentParams>(`/agents/:name${cardPath}`, (request) => card(request, request.params.name))

  // The well-known place names no agent: it is that of a caller who has one.
  app.get(cardPath, (request) => {
    const caller = front.caller(request)
    const [only, ...others] = axon.agents.filter((name) => mayUse(caller, name))
    if (only !== undefined && others.length === 0) return card(request, only)
    const message = `There is not one agent here. The card of each is at /agents/{name}${cardPath}.`
    throw new AxonError('GATEWAY_ROUTE_UNKNOWN', message)
  })

  app.post<AgentParams>('/agents/:name/a2a', async (request, reply) => {
    demandRole(front.caller(request), 'run')
    const agent = snapshotOf(front, request, request.params.name)
    return await (await server()).answer(request, reply, agent)
  })
}

function snapshotOf(front: Front, request: FastifyRequest, name: string): AgentSnapshot {
  demandAgent(front.axon, front.caller(request), name)
  const snapshot = front.axon.agent(name).snapshot()
  if (snapshot !== undefined) return snapshot
  throw new AxonError('AGENT_UNKNOWN', `There is no agent ${name}.`, { agent: name })
}

/** As the caller reaches it; only to itself does it tell so. */
function originOf({ headers }: FastifyRequest): string {
  return `${headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'}://${headers.host}`
}
