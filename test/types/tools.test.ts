import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import {
  type AgentOptions,
  type AxonEventOf,
  agentTool,
  type RunParent,
  type Tool,
  type ToolContext,
  tool,
} from '../../src/index.ts'

test('the function of a tool, and the question whether it needs an approval, get what its schema makes of the input', () => {
  const made = tool({
    description: 'Pays an order back',
    input: z.object({ id: z.string(), amount: z.number().default(0), why: z.enum(['late', 'broken']).optional() }),
    needsApproval: ({ amount }) => {
      expectTypeOf(amount).toEqualTypeOf<number>()
      return amount > 100
    },
    execute: async (input, context) => {
      expectTypeOf(input).toEqualTypeOf<{ id: string; amount: number; why?: 'late' | 'broken' | undefined }>()
      expectTypeOf(context).toEqualTypeOf<ToolContext>()
      expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>()
      expectTypeOf(context.run).toEqualTypeOf<RunParent>()
      expectTypeOf(context.axon.agent('other').run<string>).returns.resolves.toHaveProperty('result')
    },
  })
  expectTypeOf(made).toEqualTypeOf<Tool>()
  expectTypeOf(agentTool('writer', { description: 'Writes' })).toEqualTypeOf<Tool>()
  expectTypeOf<NonNullable<AgentOptions['tools']>>().toEqualTypeOf<Record<string, Tool>>()
})

test('what does not fit the schema is a type error', () => {
  const input = z.object({ id: z.string() })
  // @ts-expect-error there is no amount
  tool({ description: 'Pays', input, execute: ({ amount }) => amount })
  // @ts-expect-error an id is no number
  tool({ description: 'Pays', input, execute: ({ id }: { id: number }) => id })
})

test('an approval tells where, what and until when', () => {
  expectTypeOf<AxonEventOf<'tool.approval'>>().branded.toEqualTypeOf<{
    type: 'tool.approval'
    agent: string
    run: string
    generation: string
    id: string
    tool: string
    arguments: unknown
    dueAt: number
  }>()
})
