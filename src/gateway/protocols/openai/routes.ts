/**
 * Owns the routes that OpenAI's clients call: agents as models, chat completions, and responses. A model is an agent's name.
 */
import * as z from 'zod'
import { toAxonError } from '../../../errors.ts'
import type { RunResponse } from '../../../protocol/run.ts'
import { dataText } from '../../event-stream.ts'
import type { Front } from '../../front.ts'
import { demandAgent, demandRole, mayUse } from '../../guards.ts'
import { readKey, runHeader } from '../../routes/agents.ts'
import { seconds, textOf } from '../answers.ts'
import { HistoryMemory } from '../history-memory.ts'
import { chatCompletion, chunksOf, completionOf } from './chat-answer.ts'
import { chatRequest, readChatRequest } from './chat-request.ts'
import { errorBody, errorHandler, toErrorBody } from './errors.ts'
import { KeptResponses, newResponseId } from './kept-responses.ts'
import { ResponseEvents } from './response-events.ts'
import { begun, ended, messageItem, responseObject } from './response-object.ts'
import { goingOn, readResponseRequest, responseRequest } from './response-request.ts'
import { runStreamed, runWhole } from './runs.ts'

const model = z.object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })
const modelList = z.object({ object: z.literal('list'), data: z.array(model) })

const errors = { 404: errorBody, 429: errorBody, 500: errorBody, 502: errorBody, 503: errorBody, 504: errorBody }

export function openaiRoutes(front: Front): void {
  const { app, axon } = front
  const onError = errorHandler(front)
  const created = seconds()
  const modelOf = (id: string): z.infer<typeof model> => ({ id, object: 'model', created, owned_by: 'axon' })

  app.get(
    '/v1/models',
    { errorHandler: onError, config: { operation: { ...said('Agents, as models'), answers: { 200: modelList } } } },
    (request): z.infer<typeof modelList> => {
      const caller = front.caller(request)
      return { object: 'list', data: axon.agents.filter((name) => mayUse(caller, name)).map(modelOf) }
    },
  )

  app.get<{ Params: { model: string } }>(
    '/v1/models/:model',
    {
      errorHandler: onError,
      config: { operation: { ...said('An agent, as a model'), answers: { 200: model, 404: errorBody } } },
    },
    (request) => {
      demandAgent(axon, front.caller(request), request.params.model)
      return modelOf(request.params.model)
    },
  )
  chatRoutes(front, onError)
  responseRoutes(front, onError)
}

function chatRoutes(front: Front, onError: ReturnType<typeof errorHandler>): void {
  const { app, axon } = front
  app.post(
    '/v1/chat/completions',
    {
      errorHandler: onError,
      config: {
        operation: {
          ...said('Runs an agent once, as a chat completion'),
          role: 'run',
          takesKey: true,
          body: chatRequest,
          streams: 'Chunks, where `stream` is true; the last is `[DONE]`.',
          answers: { 200: chatCompletion, ...errors },
        },
      },
    },
    async (request, reply) => {
      const caller = front.caller(request)
      demandRole(caller, 'run')
      const { agent, request: asked, isStreamed, hasUsage } = readChatRequest(request.body)
      demandAgent(axon, caller, agent)
      const run = { caller, agent, request: asked, key: readKey(request) }
      if (!isStreamed) return completionOf(agent, await runWhole(front, reply, run))
      const { id, events } = await runStreamed(front, reply, run)
      const broken = (error: unknown) => dataText(toErrorBody(toAxonError(error), caller))
      await front.send(reply, chunksOf(events, agent, hasUsage), broken, { [runHeader]: id, 'x-request-id': id })
      return reply
    },
  )
}

function responseRoutes(front: Front, onError: ReturnType<typeof errorHandler>): void {
  const { app, axon, settings } = front
  const kept = new KeptResponses(settings.responseStore ?? new HistoryMemory(settings.maxResponseBytes))
  app.post(
    '/v1/responses',
    {
      errorHandler: onError,
      config: {
        operation: {
          ...said('Runs an agent once, as a response'),
          role: 'run',
          takesKey: true,
          body: responseRequest,
          streams: 'Typed events, where `stream` is true; the last is `response.completed`.',
          answers: { 200: responseObject, ...errors },
        },
      },
    },
    async (request, reply) => {
      const caller = front.caller(request)
      demandRole(caller, 'run')
      const asked = readResponseRequest(request.body)
      const { agent, instructions, previous, isKept } = asked
      demandAgent(axon, caller, agent)
      const before = previous === undefined ? [] : await kept.messages(caller, agent, previous)
      const run = { caller, agent, request: goingOn(asked.request, before, instructions), key: readKey(request) }
      const response = begun(newResponseId(caller), asked)
      const keep = async (answer: RunResponse) => {
        if (isKept) await kept.keep(agent, response.id, run.request, answer, instructions)
      }
      if (!asked.isStreamed) {
        const answer = await runWhole(front, reply, run)
        await keep(answer)
        return ended(response, answer, [messageItem(textOf(answer.result))])
      }
      const { id, events } = await runStreamed(front, reply, run)
      const told = new ResponseEvents(response, keep)
      const broken = (error: unknown) => told.failed(toErrorBody(toAxonError(error), caller))
      await front.send(reply, told.of(events), broken, { [runHeader]: id, 'x-request-id': id })
      return reply
    },
  )
}

const said = (summary: string) => ({ summary, tags: ['openai'] })
