import { expect, test } from 'vitest'
import * as z from 'zod'
import { tool } from '../../../src/index.ts'
import { agent, newAxon, next } from '../../e2e/axon.ts'
import { tokensOf } from './tokens.ts'
import { newRecorder, TestViewer } from './watching.ts'

test('no secret is in any frame: variables, tokens, and what arguments call by a secret name', async () => {
  const refund = tool({
    description: 'Pays back',
    input: z.object({ api_key: z.string(), nested: z.object({ sessionToken: z.string() }) }),
    needsApproval: true,
    execute: () => 'done',
  })
  const env = { OPENAI_API_KEY: 'sk-variable-93f1', HARMLESS: 'value-of-env-5521' }
  const axon = newAxon({ agents: { shop: agent('tooled', { tools: { refund }, env }) } })
  const recorder = newRecorder(axon)
  const viewer = new TestViewer(recorder)
  await axon.start()
  await viewer.until('process', ({ pid }) => pid !== undefined)
  for (const { sessionId } of viewer.all('@xstate.actor')) viewer.watch('actors', sessionId)
  for (const { sessionId } of viewer.all('@xstate.actor')) viewer.watch('logs', sessionId)
  const asked = next(axon, 'tool.approval')
  const given = { api_key: 'sk-argument-77a2', nested: { sessionToken: 'tk-nested-41c8' } }
  const prompt = JSON.stringify({ approve: 'refund', with: given })
  const running = axon.agent('shop').run({ prompt }, { run: 'r1' })
  const { run, id } = await asked
  axon.actor.send({ type: 'run.approve', run, id })
  await running
  axon.agent('shop').send({ type: 'agent.restart' })
  await next(axon, 'rollout.completed')
  await viewer.until('process', ({ generation, pid }) => generation.endsWith('#1') && pid !== undefined)
  const secrets = [...Object.values(env), 'sk-argument-77a2', 'tk-nested-41c8', ...tokensOf(axon)]
  expect(secrets.length).toBeGreaterThan(4)
  const late = new TestViewer(recorder)
  const bytes = [...viewer.batches, ...recorder.history(1), JSON.stringify(late.frames)].join('\n')
  expect(bytes).toContain('tool.approval')
  expect(bytes).toContain('"context"')
  for (const secret of secrets) expect(bytes.includes(secret), secret).toBe(false)
})
