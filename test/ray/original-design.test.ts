import { afterAll, test } from 'vitest'
import { answersAndGoesOn, remembersWhatItIsSent } from '../e2e/original-design.ts'
import { ray } from './cluster.ts'
import { agent, leave, system } from './system.ts'

afterAll(leave)

test('the integration test of the original design: an agent answers, and goes on with its messages as history', async () => {
  const url = `${ray.proxy}/axon-test_agent`
  await answersAndGoesOn(await system({}).start(), {}, { kind: 'url', url })
})

test('an agent answers from the history that it is sent, and remembers nothing by itself', async () => {
  await remembersWhatItIsSent(await system({ history: agent('history_agent') }).start())
})
