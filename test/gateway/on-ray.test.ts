import { expect, test } from 'vitest'
import { FakeRay } from '../runtime/placement/ray/fake-ray.ts'
import { echo } from '../runtime/placement/ray/systems.ts'
import { serve, tokens } from './gateway.ts'

test("an agent on Ray shows Ray's replicas to those who look after processes, and to nobody else", async () => {
  const ray = await FakeRay.open()
  const { call } = await serve({}, { echo: echo({ placement: ray.placement }) })
  const asked = async (token?: string) => (await call('/agents/echo', token ? { token } : {})).json()
  await expect
    .poll(() => asked(), { timeout: 15_000 })
    .toMatchObject({
      rss: 87_000_000,
      application: { name: 'axon-echo', replicas: [{ id: 'proxy', state: 'RUNNING', pid: 7, inFlight: 1 }] },
    })
  const runner = await asked(tokens[1].token)
  expect(runner).toMatchObject({ name: 'echo', rss: null })
  expect(runner).not.toHaveProperty('application')
})
