/**
 * Owns the routes of the system as a whole: whether it lives, whether it takes runs, its figures, and its description.
 */
import { AxonError } from '../../errors.ts'
import type { Front } from '../front.ts'
import { demandRole } from '../guards.ts'
import { errorBody, status } from '../schemas.ts'

const figures = { 'text/plain': 'The text format of Prometheus.' }

/** @param describe the gateway as OpenAPI */
export function systemRoutes(front: Front, describe: () => Record<string, unknown>): void {
  const { app, settings } = front
  const open = (summary: string) => ({
    isOpen: true,
    operation: { summary, tags: ['system'], security: [], answers: { 200: status, 503: status } },
  })

  app.get('/healthz', { config: open('Whether the gateway answers') }, () => ({ status: 'ok' }))

  app.get('/readyz', { config: open('Whether runs are taken') }, (_, reply) => {
    const is = front.isClosing || !isOpen(front) ? 'closing' : isReady(front) ? 'ok' : 'starting'
    return reply.code(is === 'ok' ? 200 : 503).send({ status: is })
  })

  app.get(
    '/metrics',
    {
      config: {
        operation: {
          summary: 'Figures for Prometheus',
          tags: ['system'],
          role: 'read',
          answers: { 200: figures, 404: errorBody },
        },
      },
    },
    (request, reply) => {
      demandRole(front.caller(request), 'read')
      if (settings.metrics === undefined)
        throw new AxonError(
          'GATEWAY_ROUTE_UNKNOWN',
          'This gateway has no metrics. Give createGateway({ metrics: createMetrics(axon) }).',
        )
      return reply.header('content-type', settings.metrics.contentType).send(settings.metrics.text())
    },
  )

  app.get(
    '/openapi.json',
    { config: { operation: { summary: 'This description', tags: ['system'], answers: {} } } },
    describe,
  )
}

function isOpen({ axon }: Front): boolean {
  return axon.actor.getSnapshot().status === 'active'
}

/** One agent that has failed does not keep the others from being called. */
function isReady({ axon }: Front): boolean {
  const callable = new Set(['ready', 'suspect', 'idle', 'stopped'])
  const states = axon.agents.map((name) => axon.agent(name).snapshot()?.state ?? 'idle')
  return states.length === 0 || states.some((state) => callable.has(state))
}
