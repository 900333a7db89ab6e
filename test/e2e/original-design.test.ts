import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { agent, makeEnvironment, newAxon, pydanticAi, root } from './axon.ts'
import { freePort } from './ports.ts'

beforeAll(() => makeEnvironment(pydanticAi))

test('the integration test of the original design: an agent on a port answers, and goes on with its messages as history', async () => {
  const port = await freePort()
  const axon = await newAxon().start()
  const testAgent = await axon.spawn({
    name: 'test_agent',
    module: 'agents.example_agent',
    model: 'test:model',
    port,
    cwd: join(root, 'examples/quickstart'),
    dependencies: pydanticAi,
  })
  expect(testAgent.snapshot()).toMatchObject({
    state: 'ready',
    endpoint: { kind: 'tcp', host: '127.0.0.1', port },
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
})

test('an agent answers from the history that it is sent, and remembers nothing by itself', async () => {
  const axon = await newAxon({ agents: { history: agent('history_agent', { dependencies: pydanticAi }) } }).start()
  const history = axon.agent('history')

  const first = await history.run({ prompt: 'I am Ada' })
  expect(first.result).toBe('You said nothing before. Now you say: I am Ada.')
  const second = await history.run({ prompt: 'I like tea', message_history: first.messages })
  expect(second.result).toBe('You said before: I am Ada. Now you say: I like tea.')
  const third = await history.run({ prompt: 'Who am I?', message_history: second.messages })
  expect(third.result).toBe('You said before: I am Ada, I like tea. Now you say: Who am I?.')
  const stranger = await history.run({ prompt: 'Who am I?' })
  expect(stranger.result).toBe('You said nothing before. Now you say: Who am I?.')
})
