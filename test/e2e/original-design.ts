/** Owns what the integration test of the original design asks and expects: the same lines wherever its agents live. */
import { join } from 'node:path'
import { expect } from 'vitest'
import type { AgentOptions, Axon } from '../../src/index.ts'
import { root } from './places.ts'

/** An agent of a directory of this repository, which has pydantic-ai. */
const exampleAgent: AgentOptions = {
  module: 'agents.example_agent',
  model: 'test:model',
  cwd: join(root, 'examples/quickstart'),
  dependencies: ['pydantic-ai-slim'],
}

/** @param endpoint where the agent is to be */
export async function answersAndGoesOn(
  axon: Axon,
  options: Partial<AgentOptions>,
  endpoint: Record<string, unknown>,
): Promise<void> {
  const testAgent = await axon.spawn({ name: 'test_agent', ...exampleAgent, ...options })
  expect(testAgent.snapshot()).toMatchObject({
    state: 'ready',
    endpoint,
    facts: { name: 'test_agent', framework: 'pydantic-ai' },
  })

  const first = await testAgent.run<string>({ prompt: 'Hello, agent!', message_history: [] })
  expect(first.result).toContain('sunny')
  expect(first.usage.total_tokens).toBeGreaterThan(0)
  expect(first.messages[0]).toMatchObject({ kind: 'request', parts: [{ content: 'Hello, agent!' }] })

  const second = await testAgent.run({ prompt: 'And again?', message_history: first.messages })
  expect(second.messages.slice(0, first.messages.length)).toEqual(first.messages)
  expect(second.messages.length).toBeGreaterThan(first.messages.length)
  expect(second.messages[first.messages.length]).toMatchObject({ parts: [{ content: 'And again?' }] })
}

/** @param axon with test/fixtures/agents/history_agent.py as agent `history` */
export async function remembersWhatItIsSent(axon: Axon): Promise<void> {
  const history = axon.agent('history')
  const first = await history.run({ prompt: 'I am Ada' })
  expect(first.result).toBe('You said nothing before. Now you say: I am Ada.')
  const second = await history.run({ prompt: 'I like tea', message_history: first.messages })
  expect(second.result).toBe('You said before: I am Ada. Now you say: I like tea.')
  const third = await history.run({ prompt: 'Who am I?', message_history: second.messages })
  expect(third.result).toBe('You said before: I am Ada, I like tea. Now you say: Who am I?.')
  const stranger = await history.run({ prompt: 'Who am I?' })
  expect(stranger.result).toBe('You said nothing before. Now you say: Who am I?.')
}
