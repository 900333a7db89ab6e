import { expect, test } from 'vitest'
import { agent } from '../e2e/axon.ts'
import { allEventsOf, serve, tokens } from './gateway.ts'

test('a tool call that waits is approved by the owner of its run, once, and by nobody else', async () => {
  const { axon, call, post } = await serve({}, { tooled: agent('tooled') })
  const asked = new Promise<{ run: string; id: string }>((resolve) => {
    axon.on('tool.approval', resolve)
  })
  const started = await post('/agents/tooled/runs', { prompt: JSON.stringify({ approve: 'pay', with: { euros: 5 } }) })
  const { run_id, location } = (await started.json()) as { run_id: string; location: string }
  const { run, id } = await asked
  expect(run).toBe(run_id)
  const approve = (token: string) => post(`${location}/approvals`, { id, approved: true }, { token })
  expect((await approve(tokens[2].token)).status).toBe(404)
  const [first, second] = [await approve(tokens[0].token), await approve(tokens[0].token)]
  expect([first.status, await first.json()]).toEqual([200, { run_id, id, approved: true }])
  expect([second.status, await second.json()]).toMatchObject([404, { error: { code: 'TOOL_APPROVAL_UNKNOWN' } }])
  const events = await allEventsOf(await call(`${location}/events`))
  expect(events.at(-1)).toMatchObject({ event: 'run.result', data: { result: { approved: true } } })
})
