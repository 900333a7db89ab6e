import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { serve } from './gateway.ts'

test('what the gateway says of itself is valid OpenAPI 3.1, with every route', async () => {
  const { call } = await serve()
  const described = (await (await call('/openapi.json')).json()) as { openapi: string; paths: Record<string, object> }
  const validator = new Validator()
  expect(await validator.validate(structuredClone(described))).toMatchObject({ valid: true })
  expect(validator.version).toBe('3.1')
  const routes = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(routes.sort()).toEqual([
    'DELETE /runs/{id}',
    'GET /agents',
    'GET /agents/{name}',
    'GET /agents/{name}/ai-sdk/{chat}/stream',
    'GET /healthz',
    'GET /metrics',
    'GET /openapi.json',
    'GET /readyz',
    'GET /runs/{id}',
    'GET /runs/{id}/events',
    'GET /v1/models',
    'GET /v1/models/{model}',
    'POST /agents/{name}/ag-ui',
    'POST /agents/{name}/ai-sdk',
    'POST /agents/{name}/events',
    'POST /agents/{name}/run_stream',
    'POST /agents/{name}/run_sync',
    'POST /agents/{name}/runs',
    'POST /runs/{id}/approvals',
    'POST /v1/chat/completions',
    'POST /v1/responses',
  ])
})
