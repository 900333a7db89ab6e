import { expect, test } from 'vitest'
import * as z from 'zod'
import { parseAgent } from '../../../src/runtime/config/agents.ts'
import { agentTool } from '../../../src/runtime/tools/agent-tool.ts'
import { type ToolOptions, tool } from '../../../src/runtime/tools/tool.ts'

const input = z.object({ id: z.string(), limit: z.int().default(3) })
const execute = () => 'done'
const lookup = tool({ description: 'Looks an order up', input, execute })
const define = (tools: Record<string, unknown>) =>
  parseAgent({ name: 'writer', module: 'agents.writer', tools: tools as never })

const wrong: [string, Record<string, unknown>, string][] = [
  ['no description', { input, execute }, 'description'],
  ['no function', { description: 'x', input }, 'execute'],
  ['a schema of another kind', { description: 'x', input: { type: 'object' }, execute }, 'no schema of zod'],
  ['an input that is no object', { description: 'x', input: z.string(), execute }, 'no z.object'],
  ['an input that has no JSON Schema', { description: 'x', input: z.object({ at: z.date() }), execute }, 'JSON Schema'],
  ['a time that is none', { description: 'x', input, execute, timeoutMs: 0 }, 'timeoutMs'],
  ['an option that does not exist', { description: 'x', input, execute, retries: 3 }, 'retries'],
]

test.each(wrong)('a tool with %s is refused, and the error says what is wrong', (_, options, message) => {
  expect(() => tool(options as unknown as ToolOptions<z.ZodObject>)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
  )
})

test('what a model may leave out is not required of it', () => {
  expect(lookup.parameters).toEqual({
    type: 'object',
    properties: { id: { type: 'string' }, limit: expect.objectContaining({ type: 'integer', default: 3 }) },
    required: ['id'],
  })
})

test.each([
  ['a name that models cannot say', { 'look up': lookup }, 'no name of a tool'],
  ['what is no tool', { lookup: { description: 'x', execute } }, 'make it with tool()'],
  ['more than a process can be told', { lookup: tool({ description: 'x'.repeat(600_000), input, execute }) }, '524288'],
])('a definition with %s is refused', (_, tools, message) => {
  expect(() => define(tools)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
  )
})

test('as JSON a tool is its description and schema: neither function nor limits are shown', () => {
  expect(JSON.parse(JSON.stringify(define({ lookup }))).tools).toEqual({
    lookup: { description: 'Looks an order up', parameters: lookup.parameters },
  })
})

test('an agent as a tool takes a prompt', () => {
  const writer = agentTool('writer', { description: 'Writes a text' })
  expect(writer).toMatchObject({ description: 'Writes a text', timeoutMs: 600_000, needsApproval: false })
  expect(writer.parameters).toMatchObject({ properties: { prompt: { type: 'string' } }, required: ['prompt'] })
})
