import { expectTypeOf, test } from 'vitest'
import type { InputFrom, OutputFrom } from 'xstate'
import * as z from 'zod'
import {
  type Axon,
  agentLogic,
  agentStreamLogic,
  createAxon,
  type RunResponse,
  type RunStreamEvent,
} from '../../src/index.ts'

const review = z.object({ score: z.number(), words: z.array(z.string()).default([]) })
type Review = { score: number; words: string[] }

/** Not called: only its types count. */
async function typed() {
  const axon = await createAxon({
    agents: { critic: { module: 'agents.critic', output: review }, writer: { module: 'agents.writer' } },
  }).start()
  return axon
}

type Typed = Awaited<ReturnType<typeof typed>>

test('the result of an agent is what its output makes of it: of runs, streams and conversations', () => {
  const check = async (axon: Typed) => {
    const critic = axon.agent('critic')
    expectTypeOf((await critic.run({ prompt: 'x' })).result).toEqualTypeOf<Review>()
    const stream = critic.stream({ prompt: 'x' })
    expectTypeOf((await stream.result).result).toEqualTypeOf<Review>()
    for await (const event of stream) {
      expectTypeOf(event).toEqualTypeOf<RunStreamEvent<Review>>()
      if (event.event === 'run.result') expectTypeOf(event.data.result).toEqualTypeOf<Review>()
    }
    const conversation = axon.conversation('critic', 'a')
    expectTypeOf((await conversation.run({ prompt: 'x' })).result).toEqualTypeOf<Review>()
    const spawned = await axon.spawn({ name: 'late', module: 'agents.late', output: review })
    expectTypeOf((await spawned.run({ prompt: 'x' })).result).toEqualTypeOf<Review>()
  }
  expectTypeOf(check).toBeFunction()
})

test('of an agent without output, and of names that are not known, the result is unknown, or what the caller says', () => {
  const check = async (axon: Typed) => {
    expectTypeOf((await axon.agent('writer').run({ prompt: 'x' })).result).toBeUnknown()
    expectTypeOf((await axon.agent('nobody').run({ prompt: 'x' })).result).toBeUnknown()
    expectTypeOf((await axon.agent('writer').run<string>({ prompt: 'x' })).result).toBeString()
    const name: string = 'critic'
    expectTypeOf((await axon.agent(name).run({ prompt: 'x' })).result).toBeUnknown()
  }
  expectTypeOf(check).toBeFunction()
})

test('a system with outputs is an Axon, and its definitions are checked', () => {
  expectTypeOf<Typed>().toExtend<Axon>()
  // @ts-expect-error there is no option replcas
  expectTypeOf(() => createAxon({ agents: { critic: { module: 'agents.critic', replcas: 2 } } })).toBeFunction()
  // @ts-expect-error a module is wanted
  expectTypeOf(() => createAxon({ agents: { critic: { output: review } } })).toBeFunction()
})

test('agent logic has the output that its agent has, and its input', () => {
  const promise = (axon: Typed) => agentLogic(axon, 'critic')
  expectTypeOf<OutputFrom<ReturnType<typeof promise>>>().toEqualTypeOf<RunResponse<Review>>()
  const unknown = (axon: Typed) => agentLogic(axon, 'writer')
  expectTypeOf<OutputFrom<ReturnType<typeof unknown>>>().toEqualTypeOf<RunResponse>()
  const stream = (axon: Typed) => agentStreamLogic(axon, 'critic')
  expectTypeOf<{ prompt: string; options: { runMs: number } }>().toExtend<InputFrom<ReturnType<typeof stream>>>()
  // @ts-expect-error a prompt is wanted
  expectTypeOf<{ model: string }>().toExtend<InputFrom<ReturnType<typeof promise>>>()
})
