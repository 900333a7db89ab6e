/**
 * Owns the routes of runs in the background: starting, looking up, reading again, approving, ending.
 */
import { AxonError } from '../../errors.ts'
import type { Front } from '../front.ts'
import { demandRole } from '../guards.ts'
import type { RunRecord } from '../runs.ts'
import { approval, approvalAnswered, errorBody, readBody, runAccepted, runRequest, runView } from '../schemas.ts'
import { toWire } from '../statuses.ts'
import type { Caller } from '../tokens.ts'
import { type AgentParams, readRun, sendResumed } from './agents.ts'

interface RunParams {
  Params: { id: string }
}

export function runRoutes(front: Front): void {
  const { app, runs } = front

  app.post<AgentParams>(
    '/agents/:name/runs',
    {
      config: {
        operation: {
          summary: 'Starts a run in the background',
          tags: ['runs'],
          role: 'run',
          takesKey: true,
          body: runRequest,
          answers: { 202: runAccepted, 404: errorBody, 422: errorBody, 429: errorBody, 503: errorBody },
        },
      },
    },
    (request, reply) => {
      const { caller, agent, body, key } = readRun(front, request)
      const { id, status } = runs.start(caller, agent, body, { key })
      const location = `/runs/${id}`
      return reply.code(202).header('location', location).send({ run_id: id, status, location })
    },
  )

  app.get<RunParams>(
    '/runs/:id',
    {
      config: { operation: { summary: 'A run', tags: ['runs'], answers: { 200: runView, 404: errorBody } } },
    },
    async (request) => {
      const caller = front.caller(request)
      return viewOf(await runs.find(caller, request.params.id), caller)
    },
  )

  app.get<RunParams>(
    '/runs/:id/events',
    {
      exposeHeadRoute: false,
      config: {
        operation: {
          summary: 'The events of a run in the background; resumed after `Last-Event-ID`',
          tags: ['runs'],
          takesEventId: true,
          answers: {
            200: { 'text/event-stream': 'Events, as of run_stream.' },
            204: 'There is nothing more.',
            404: errorBody,
            410: errorBody,
            422: errorBody,
          },
        },
      },
    },
    async (request, reply) => {
      const given = request.headers['last-event-id'] ?? '0'
      if (typeof given !== 'string' || !/^\d{1,15}$/.test(given))
        throw new AxonError('RUN_REQUEST_INVALID', 'Last-Event-ID is not the id of an event: a whole number.')
      return await sendResumed(front, reply, front.caller(request), request.params.id, Number(given))
    },
  )

  app.post<RunParams>(
    '/runs/:id/approvals',
    {
      config: {
        operation: {
          summary: 'Answers a tool call that waits for a person',
          tags: ['runs'],
          role: 'run',
          body: approval,
          answers: { 200: approvalAnswered, 404: errorBody, 422: errorBody },
        },
      },
    },
    async (request) => {
      const caller = front.caller(request)
      demandRole(caller, 'run', 'operate')
      const { id, approved, message } = readBody(approval, request.body)
      await runs.answerTool(caller, request.params.id, id, approved, message)
      return { run_id: request.params.id, id, approved }
    },
  )

  app.delete<RunParams>(
    '/runs/:id',
    {
      config: {
        operation: { summary: 'Ends a run', tags: ['runs'], role: 'run', answers: { 202: runView, 404: errorBody } },
      },
    },
    async (request, reply) => {
      const caller = front.caller(request)
      demandRole(caller, 'run', 'operate')
      return reply.code(202).send(viewOf(await runs.cancel(caller, request.params.id), caller))
    },
  )
}

function viewOf({ id, agent, status, attempt, ...run }: RunRecord, caller: Caller): Record<string, unknown> {
  const { started, createdAt, finishedAt, response, error } = run
  return {
    run_id: id,
    agent,
    status,
    attempt,
    ...(started !== undefined && { started }),
    created_at: createdAt,
    ...(finishedAt !== undefined && { finished_at: finishedAt }),
    ...(response && { response }),
    ...(error && toWire(error, caller)),
  }
}
