/**
 * Owns the routes that the AI SDK's chat calls: one run, or the rest of one that waited for a person, as a UI message stream.
 */
import type { Front } from '../../front.ts'
import { demandAgent, demandRun } from '../../guards.ts'
import { errorBody, runErrors } from '../../schemas.ts'
import { PausedRuns } from '../paused-runs.ts'
import { chatRequest, readChatRequest } from './request.ts'
import { streamHeaders, UiMessageStream } from './stream.ts'

interface ChatParams {
  Params: { name: string }
}

export function aiSdkRoutes(front: Front): void {
  const { app, axon } = front
  const paused = new PausedRuns<UiMessageStream>(front)

  app.post<ChatParams>(
    '/agents/:name/ai-sdk',
    {
      config: {
        operation: {
          summary: 'Runs an agent once, as a UI message stream of the AI SDK',
          tags: ['ai-sdk'],
          role: 'run',
          body: chatRequest,
          answers: {
            200: { 'text/event-stream': 'Chunks of a UI message stream; the last is `[DONE]`.' },
            ...runErrors,
          },
        },
      },
    },
    async (request, reply) => {
      const caller = front.caller(request)
      const agent = request.params.name
      demandRun(axon, caller, agent)
      const asked = readChatRequest(request.body)
      const run = await paused.open(caller, agent, asked, () => new UiMessageStream(caller))
      return await paused.answer(reply, run, streamHeaders)
    },
  )

  // A client that is gone has ended its run: there is nothing to resume, which this status tells the SDK.
  app.get<ChatParams>(
    '/agents/:name/ai-sdk/:chat/stream',
    {
      config: {
        operation: {
          summary: 'Tells the AI SDK that there is no stream to resume',
          tags: ['ai-sdk'],
          answers: { 204: 'There is none.', 404: errorBody },
        },
      },
    },
    (request, reply) => {
      demandAgent(axon, front.caller(request), request.params.name)
      return reply.code(204).send()
    },
  )
}
