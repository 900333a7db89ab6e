/**
 * Owns the routes of agents: what they are, what they are told, and one run of one, as a whole or as a stream.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AxonError, toAxonError } from '../../errors.ts'
import type { RunRequest, RunStreamEvent } from '../../protocol/run.ts'
import type { AgentSnapshot } from '../../runtime/agent-view.ts'
import { rowOf } from '../../runtime/telemetry/table.ts'
import { eventText } from '../event-stream.ts'
import type { Front } from '../front.ts'
import { demandAgent, demandRole, demandRun, mayUse } from '../guards.ts'
import {
  agentEvent,
  agentList,
  agentView,
  errorBody,
  eventAccepted,
  readBody,
  runRequest,
  runResponse,
} from '../schemas.ts'
import { toWire } from '../statuses.ts'
import type { Caller } from '../tokens.ts'

export interface AgentParams {
  Params: { name: string }
}

export const runHeader = 'x-axon-run'
const streamed = { 'text/event-stream': 'Events: `id`, `event`, `data`; the last is `run.result` or `run.error`.' }

export function agentRoutes(front: Front): void {
  const { app, axon } = front

  app.get(
    '/agents',
    { config: { operation: { summary: 'Agents and their figures', tags: ['agents'], answers: { 200: agentList } } } },
    (request) => {
      const caller = front.caller(request)
      const known = axon.agents.filter((name) => mayUse(caller, name)).map((name) => axon.agent(name).snapshot())
      return { agents: known.filter((agent) => agent !== undefined).map((agent) => rowFor(caller, agent)) }
    },
  )

  app.get<AgentParams>(
    '/agents/:name',
    { config: { operation: { summary: 'One agent', tags: ['agents'], answers: { 200: agentView, 404: errorBody } } } },
    (request) => {
      const { name } = request.params
      const caller = front.caller(request)
      const agent = snapshotOf(front, caller, name)
      const { limits, sandbox, metadata } = agent
      // Its permissions name paths of this machine.
      const held = sandbox && { sandbox: { level: sandbox.level, achieved: sandbox.achieved } }
      const onRay = looksAfter(caller) && agent.application && { application: agent.application }
      return { ...rowFor(caller, agent), ...(limits && { limits }), ...held, ...onRay, metadata }
    },
  )

  app.post<AgentParams>(
    '/agents/:name/events',
    {
      config: {
        operation: {
          summary: 'Tells an agent to start, stop, restart, drain or scale',
          tags: ['agents'],
          role: 'operate',
          body: agentEvent,
          answers: { 202: eventAccepted, 404: errorBody, 422: errorBody },
        },
      },
    },
    (request, reply) => {
      const caller = front.caller(request)
      const { name } = request.params
      demandRole(caller, 'operate')
      demandAgent(axon, caller, name)
      const { type, replicas } = readBody(agentEvent, request.body)
      if ((type === 'agent.scale') !== (replicas !== undefined))
        throw new AxonError('RUN_REQUEST_INVALID', 'agent.scale takes replicas, and nothing else does.', {
          agent: name,
        })
      axon.agent(name).send(type === 'agent.scale' ? { type, replicas: replicas ?? 0 } : { type })
      const { state } = snapshotOf(front, caller, name)
      return reply.code(202).send({ accepted: true, state })
    },
  )

  const errors = { 404: errorBody, 422: errorBody, 429: errorBody, 500: errorBody, 502: errorBody, 503: errorBody }
  const running = { tags: ['runs'], role: 'run', body: runRequest, takesKey: true }

  app.post<AgentParams>(
    '/agents/:name/run_sync',
    {
      config: {
        operation: {
          ...running,
          summary: 'Runs an agent once; the whole answer',
          answers: { 200: runResponse, ...errors, 504: errorBody },
        },
      },
    },
    async (request, reply) => {
      const { caller, agent, body, key } = readRun(front, request)
      return await front.runs.run(caller, agent, body, { signal: front.gone(reply), key })
    },
  )

  app.post<AgentParams>(
    '/agents/:name/run_stream',
    {
      config: {
        operation: {
          ...running,
          summary: 'Runs an agent once; its events as they come',
          answers: { 200: streamed, ...errors, 504: errorBody },
        },
      },
    },
    async (request, reply) => {
      const { caller, agent, body, key } = readRun(front, request)
      if (key !== undefined) {
        const { id } = front.runs.start(caller, agent, body, { key })
        return await sendResumed(front, reply, caller, id, 0)
      }
      const stream = front.runs.stream(caller, agent, body, { signal: front.gone(reply) })
      await front.send(reply, texts(stream), (error) => errorText(error, caller), { [runHeader]: stream.id })
      return reply
    },
  )
}

/** Who runs which agent with what; throws where it may not. */
export function readRun(
  front: Front,
  request: FastifyRequest<AgentParams>,
): { caller: Caller; agent: string; body: RunRequest; key: string | undefined } {
  const caller = front.caller(request)
  const agent = request.params.name
  demandRun(front.axon, caller, agent)
  // The runtime checks it whole, and sends it as it is.
  return { caller, agent, body: request.body as RunRequest, key: readKey(request) }
}

/** The request's `Idempotency-Key`. @throws AxonError RUN_REQUEST_INVALID */
export function readKey({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key']
  if (key === undefined || (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key))) return key
  throw new AxonError('RUN_REQUEST_INVALID', 'Idempotency-Key is no key: 1 to 255 characters, no spaces.')
}

/** Another reader of a run in the background: its leaving ends nothing. 204 where there is nothing more to read. */
export async function sendResumed(
  front: Front,
  reply: FastifyReply,
  caller: Caller,
  run: string,
  after: number,
): Promise<FastifyReply> {
  const events = await readAgain(front, reply, caller, run, after)
  const isSent = await front.send(reply, texts(events), (error) => errorText(error, caller), { [runHeader]: run })
  // Whoever reconnects by itself, as a browser does, stops at this.
  return isSent ? reply : reply.code(204).send()
}

/** The events of a run in the background, until it ends or the client has gone. @throws AxonError RUN_UNKNOWN */
export async function readAgain(
  front: Front,
  reply: FastifyReply,
  caller: Caller,
  run: string,
  after: number,
): Promise<AsyncIterable<RunStreamEvent>> {
  const stream = await front.runs.events(caller, run, after)
  const reader = stream.toReadableStream().getReader()
  const gone = front.gone(reply)
  gone.addEventListener('abort', () => void reader.cancel().catch(() => {}), { once: true })
  return (async function* () {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  })()
}

function snapshotOf({ axon }: Front, caller: Caller, name: string): AgentSnapshot {
  demandAgent(axon, caller, name)
  const agent = axon.agent(name).snapshot()
  if (agent !== undefined) return agent
  throw new AxonError('AGENT_UNKNOWN', `There is no agent ${name}.`, { agent: name })
}

/** Process ids and what processes use are for those who do. */
function looksAfter({ roles }: Caller): boolean {
  return roles.has('read') || roles.has('operate')
}

function rowFor(caller: Caller, agent: AgentSnapshot): ReturnType<typeof rowOf> {
  const row = rowOf(agent)
  if (looksAfter(caller)) return row
  return {
    ...row,
    rss: null,
    cpu: null,
    replicas: row.replicas.map((one) => ({ ...one, pid: null, rss: null, cpu: null })),
  }
}

async function* texts(events: AsyncIterable<RunStreamEvent>): AsyncGenerator<string, void> {
  for await (const { id, event, data } of events) yield eventText(event, data, id)
}

function errorText(error: unknown, caller: Caller): string {
  return eventText('run.error', toWire(toAxonError(error), caller))
}
