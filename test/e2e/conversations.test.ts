import { beforeAll, expect, test } from 'vitest'
import { agent, makeEnvironment, newAxon, next, pydanticAi, quickly } from './axon.ts'

beforeAll(() => makeEnvironment(pydanticAi))

const historyAgent = agent('history_agent', { dependencies: pydanticAi, restart: quickly })

test('a conversation keeps its history on this side: it goes on after the death of the process, by run and by stream', async () => {
  const axon = await newAxon({ agents: { talker: historyAgent } }).start()
  const talk = axon.conversation('talker', 'user-42')
  expect((await talk.run({ prompt: 'one' })).result).toBe('You said nothing before. Now you say: one.')
  const stream = await talk.stream({ prompt: 'two' })
  expect(await stream.text()).toBe('You said before: one. Now you say: two.')
  const back = next(axon, 'agent.ready')
  process.kill(axon.agent('talker').snapshot()?.pid as number, 'SIGKILL')
  await back
  const { result, messages } = await axon.conversation('talker', 'user-42').run({ prompt: 'three' })
  expect(result).toBe('You said before: one, two. Now you say: three.')
  expect(await talk.messages()).toEqual(messages)
  expect((await axon.conversation('talker', 'another').run({ prompt: 'x' })).result).toContain('nothing before')
})

test('what is asked at once is answered in turn, each with the history of those before it', async () => {
  const axon = await newAxon({ agents: { talker: { ...historyAgent, replicas: 2 } } }).start()
  const talk = axon.conversation('talker', 'busy')
  const answers = await Promise.all(['a', 'b', 'c', 'd'].map((prompt) => talk.run({ prompt })))
  expect(answers.map(({ result }) => result)).toEqual([
    'You said nothing before. Now you say: a.',
    'You said before: a. Now you say: b.',
    'You said before: a, b. Now you say: c.',
    'You said before: a, b, c. Now you say: d.',
  ])
})

test('a store of your own outlives the system', async () => {
  const kept = new Map<string, string>()
  const store = {
    load: async (id: string) => JSON.parse(kept.get(id) ?? '[]') as unknown[],
    save: async (id: string, messages: readonly unknown[]) => void kept.set(id, JSON.stringify(messages)),
  }
  for (const [prompt, said] of [
    ['one', 'You said nothing before.'],
    ['two', 'You said before: one.'],
  ] as const) {
    const axon = await newAxon({ agents: { talker: historyAgent }, conversations: { store } }).start()
    expect((await axon.conversation('talker', 'long').run({ prompt })).result).toContain(said)
    await axon.close()
  }
  expect([...kept.keys()]).toEqual(['talker/long'])
})

test('an agent that is not there has no conversations, and a system that is closed takes no runs', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  expect(() => axon.conversation('nobody', 'x')).toThrow(expect.objectContaining({ code: 'AGENT_UNKNOWN' }))
  const talk = axon.conversation('echo', 'x')
  await axon.close()
  await expect(talk.run({ prompt: 'hello' })).rejects.toMatchObject({ code: 'SUPERVISOR_CLOSED' })
  await expect(talk.stream({ prompt: 'hello' })).rejects.toMatchObject({ code: 'SUPERVISOR_CLOSED' })
})
