/**
 * Owns the route that AG-UI's clients call: one run, or the rest of one that was interrupted for a person, as AG-UI events.
 */
import type { Front } from '../../front.ts'
import { demandRun } from '../../guards.ts'
import { runErrors } from '../../schemas.ts'
import { PausedRuns } from '../paused-runs.ts'
import { readRunAgentInput, runAgentInput } from './request.ts'
import { AgUiStream } from './stream.ts'

export function agUiRoutes(front: Front): void {
  const { app, axon } = front
  const paused = new PausedRuns<AgUiStream>(front)

  app.post<{ Params: { name: string } }>(
    '/agents/:name/ag-ui',
    {
      config: {
        operation: {
          summary: 'Runs an agent once, as AG-UI events',
          tags: ['ag-ui'],
          role: 'run',
          body: runAgentInput,
          answers: {
            200: { 'text/event-stream': 'AG-UI events; the last is `RUN_FINISHED` or `RUN_ERROR`.' },
            ...runErrors,
          },
        },
      },
    },
    async (request, reply) => {
      const caller = front.caller(request)
      const agent = request.params.name
      demandRun(axon, caller, agent)
      const { client, asked } = readRunAgentInput(request.body)
      const run = await paused.open(caller, agent, asked, () => new AgUiStream(caller, client))
      run.telling.client = client
      return await paused.answer(reply, run)
    },
  )
}
