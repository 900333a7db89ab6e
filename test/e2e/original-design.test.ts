import { beforeAll, test } from 'vitest'
import { agent, makeEnvironment, newAxon, pydanticAi } from './axon.ts'
import { answersAndGoesOn, remembersWhatItIsSent } from './original-design.ts'
import { freePort } from './ports.ts'

beforeAll(() => makeEnvironment(pydanticAi))

test('the integration test of the original design: an agent on a port answers, and goes on with its messages as history', async () => {
  const port = await freePort()
  await answersAndGoesOn(await newAxon().start(), { port }, { kind: 'tcp', host: '127.0.0.1', port })
})

test('an agent answers from the history that it is sent, and remembers nothing by itself', async () => {
  const agents = { history: agent('history_agent', { dependencies: pydanticAi }) }
  await remembersWhatItIsSent(await newAxon({ agents }).start())
})
