/** The types of test/fixtures/types/axon.types.ts, as an application sees them that has the file. */
import type { AgentHandle, AgentName, Axon, ResultOf, RunStreamEvent, ToolArgumentsOf, ToolContext } from 'axon-runtime'
import { agentLogic } from 'axon-runtime'
import { expectTypeOf, test } from 'vitest'
import type { OutputFrom } from 'xstate'
import type { TypesClerk, TypesPlanner } from '../fixtures/types/axon.types.ts'

type Answer = TypesPlanner.Step | TypesPlanner.Refusal

test('an agent that the file knows has the type of its result: in runs, streams, conversations and tools', () => {
  const check = async (axon: Axon, { axon: others }: ToolContext) => {
    const planner = axon.agent('types-planner')
    const request = { prompt: 'x', deps: { lead: 'Ada' } }
    expectTypeOf((await planner.run(request)).result).toEqualTypeOf<Answer>()
    expectTypeOf((await planner.stream(request).result).result).toEqualTypeOf<Answer>()
    for await (const event of planner.stream(request)) expectTypeOf(event).toEqualTypeOf<RunStreamEvent<Answer>>()
    expectTypeOf((await axon.conversation('types-planner', 'a').run(request)).result).toEqualTypeOf<Answer>()
    expectTypeOf((await others.agent('types-planner').run(request)).result).toEqualTypeOf<Answer>()
    const spawned = await axon.spawn({ name: 'types-planner', module: 'desk.planner' })
    expectTypeOf((await spawned.run(request)).result).toEqualTypeOf<Answer>()
    expectTypeOf((await axon.agent('types-judge').run(request)).result.verdict).toEqualTypeOf<'guilty' | 'free'>()
  }
  expectTypeOf(check).toBeFunction()
})

test('its dependencies are checked', () => {
  const check = (planner: AgentHandle<Answer, Parameters<ReturnType<typeof agent>['run']>[0]>) => {
    // @ts-expect-error a team has a lead
    planner.run({ prompt: 'x', deps: { size: 3 } })
    // @ts-expect-error its size is a number
    planner.stream({ prompt: 'x', deps: { lead: 'Ada', size: 'three' } })
  }
  const agent = (axon: Axon) => axon.agent('types-planner')
  expectTypeOf(check).toBeFunction()
})

test('recursion, unions, enumerations and tuples are what they are in Python', () => {
  expectTypeOf<TypesPlanner.Step['steps']>().toEqualTypeOf<TypesPlanner.Step[] | undefined>()
  expectTypeOf<TypesPlanner.Step['urgency']>().toEqualTypeOf<'now' | 'later'>()
  expectTypeOf<ResultOf<'types-clerk'>>().toEqualTypeOf<TypesClerk.Report>()
  expectTypeOf<TypesClerk.Report['span']>().toEqualTypeOf<[number, number] | null | undefined>()
})

test('the arguments of tools are known, those of Python and those of Node', () => {
  expectTypeOf<ToolArgumentsOf<'types-clerk', 'calendar'>>().toEqualTypeOf<{ day: string; hours?: number }>()
  expectTypeOf<ToolArgumentsOf<'types-clerk', 'lookup'>>().toEqualTypeOf<{ id: string; limit?: number }>()
  expectTypeOf<ToolArgumentsOf<'types-clerk', 'nothing'>>().toBeUnknown()
})

test('other names stay possible, and their results are unknown', () => {
  expectTypeOf<'types-clerk'>().toExtend<AgentName>()
  expectTypeOf<string>().toExtend<AgentName>()
  expectTypeOf<ResultOf<'nobody'>>().toBeUnknown()
  expectTypeOf<ReturnType<typeof nobody>>().toEqualTypeOf<AgentHandle>()
  const nobody = (axon: Axon) => axon.agent('nobody')
})

test('agent logic has the types that the file knows', () => {
  const logic = (axon: Axon) => agentLogic(axon, 'types-clerk')
  expectTypeOf<OutputFrom<ReturnType<typeof logic>>['result']>().toEqualTypeOf<TypesClerk.Report>()
})
