/** Agents of other frameworks than pydantic-ai, from one environment that Axon makes, through a supervised process. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { AgentOptions, RunStreamEvent } from '../../src/index.ts'
import { fixtures, makeEnvironment, newAxon, next, root, scratch } from './axon.ts'
import { cancelled, waits } from './gate.ts'

/** One environment for all: what is preloaded for one framework must not harm the others. */
const dependencies = ['langgraph', 'openai-agents', 'pydantic-ai-slim[spec]']

beforeAll(() => makeEnvironment(dependencies), 600_000)

/** `agents` is OpenAI's package in this environment. */
function of(file: string, options: Partial<AgentOptions> = {}): AgentOptions {
  return { module: `agents/${file}`, cwd: fixtures, dependencies, ...options }
}

const langgraph = of('langgraph_adder.py')
const openai = of('openai_adder.py', { model: 'test' })
const spec = of('kind.yaml', { model: 'test' })

test.each([
  ['a LangGraph graph', langgraph, 'It is 3', { a: 1, b: 2 }, '3'],
  ['an agent of the OpenAI Agents SDK', openai, '{"add": "0"}', { a: 0, b: 0 }, 0],
])('%s answers, and streams its text and its tool calls', async (_, definition, wanted, given, returned) => {
  const axon = await newAxon({ agents: { adder: definition } }).start()
  const { result, messages, usage } = await axon.agent('adder').run({ prompt: 'one and two' })
  expect(result).toBe(wanted)
  expect(messages).toHaveLength(4)
  expect(usage).toMatchObject({ requests: 2, tool_calls: 1 })
  expect(usage.total_tokens).toBeGreaterThan(0)

  const events: RunStreamEvent[] = []
  for await (const event of axon.agent('adder').stream({ prompt: 'again', message_history: messages }))
    events.push(event)
  expect(events.map(({ event }) => event).filter((event, at, all) => event !== all[at - 1])).toEqual([
    'run.started',
    'tool.call',
    'tool.result',
    'text.delta',
    'run.result',
  ])
  expect(events[1]?.data).toMatchObject({ name: 'add', arguments: given })
  expect(events[2]?.data).toMatchObject({ result: returned })
  const words = events.flatMap((event) => (event.event === 'text.delta' ? [event.data.text] : []))
  expect(words.length).toBeGreaterThan(1)
  expect(words.join('')).toBe(wanted)
  expect(events.at(-1)?.data).toMatchObject({ messages: expect.arrayContaining(messages) })
})

test.each([
  ['a graph', of('langgraph_adder.py:waiting'), () => ({})],
  [
    'an agent of the OpenAI Agents SDK',
    of('openai_adder.py:waiting', { model: 'test' }),
    (gate: string) => ({ deps: { gate } }),
  ],
])('the cancel of a run reaches the code of %s', async (_, definition, more) => {
  const axon = await newAxon({ agents: { waiting: definition } }).start()
  for (const way of ['run', 'stream'] as const) {
    const gate = `${scratch()}/gate`
    const [isWaiting, isCancelled] = [waits(gate), cancelled(gate)]
    const settled = next(axon, 'run.settled')
    const controller = new AbortController()
    const running =
      way === 'run'
        ? axon.agent('waiting').run({ prompt: gate, ...more(gate) }, { signal: controller.signal })
        : axon.agent('waiting').stream({ prompt: gate, ...more(gate) }, { signal: controller.signal }).result
    const refused = expect(running).rejects.toMatchObject({ code: 'RUN_CANCELLED', started: true })
    await isWaiting
    controller.abort()
    await Promise.all([refused, isCancelled])
    expect(await settled).toMatchObject({ status: 'cancelled', started: true })
  }
})

test('a conversation goes from one framework to the next, among agents of one host', async () => {
  const axon = await newAxon({ agents: { langgraph, openai, spec } }).start()
  let messages: unknown[] = []
  for (const name of ['langgraph', 'openai', 'spec', 'langgraph']) {
    const before = messages.length
    ;({ messages } = await axon.agent(name).run({ prompt: name, message_history: messages }))
    expect(messages.length).toBeGreaterThan(before)
  }
  expect(JSON.stringify(messages)).toContain('You are kind.')
})

test('the examples of docs/frameworks.md answer as they are written', async () => {
  const page = readFileSync(join(root, 'docs/frameworks.md'), 'utf8')
  const [graph, sdk, counter] = [...page.matchAll(/^```python\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '')
  const yaml = /^```yaml\n([\s\S]*?)^```/m.exec(page)?.[1]
  const cwd = scratch()
  mkdirSync(join(cwd, 'agents'))
  const define = (file: string, source = '', options: Partial<AgentOptions> = {}): AgentOptions => {
    writeFileSync(join(cwd, 'agents', file), source)
    return {
      module: file.endsWith('.py') ? `agents.${file.slice(0, -3)}` : `agents/${file}`,
      cwd,
      dependencies,
      ...options,
    }
  }
  const agents = {
    graph: define('graph.py', graph),
    sdk: define('sdk.py', sdk, { model: 'test' }),
    counter: define('counter.py', counter),
    spec: define('support.yaml', yaml, { model: 'test' }),
  }
  const axon = await newAxon({ agents }).start()
  const answers = Object.keys(agents).map(async (name) => (await axon.agent(name).run({ prompt: 'hi' })).result)
  expect(await Promise.all(answers)).toEqual([
    'Hello!',
    '{"weather": "It is sunny in a."}',
    { prompt: 'hi', runs: 1 },
    { mood: 'a' },
  ])
})

test('frameworks are preloaded in the host, which can fork', async () => {
  const axon = newAxon({ agents: { langgraph } })
  const ready = next(axon, 'host.ready')
  await axon.start()
  expect(await ready).toMatchObject({
    canFork: true,
    preloaded: expect.arrayContaining(['langgraph.graph', 'agents', 'pydantic_ai']),
  })
})

test('a model for a graph is refused at start with what to do', async () => {
  const axon = newAxon({ agents: { adder: { ...langgraph, model: 'test' } } })
  await expect(axon.start().then(() => axon.agent('adder').run({ prompt: 'hi' }))).rejects.toMatchObject({
    message: expect.stringContaining('takes its model from the code'),
  })
})
