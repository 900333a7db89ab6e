/**
 * Owns agents that are tools of other agents.
 */
import * as z from 'zod'
import type { AgentName } from '../agent-types.ts'
import { type Tool, type ToolOptions, tool } from './tool.ts'

/** What is not that of `tool()`: the input is a prompt, the result that of the agent's run. */
export type AgentToolOptions = Pick<
  ToolOptions<z.ZodObject<{ prompt: z.ZodString }>>,
  'needsApproval' | 'timeoutMs'
> & {
  /** For the model: what the agent does, and when to ask it. */
  description: string
}

/** As long as a run may take by default. */
const defaultTimeoutMs = 600_000

/**
 * An agent as a tool of another: `tools: { writer: agentTool('writer', { description: 'Writes a text' }) }`. Its run is a child of
 * the run that calls it.
 * @param options `timeoutMs` defaults to 600 000
 * @throws AxonError CONFIG_INVALID as `tool` does
 */
export function agentTool(agent: AgentName, options: AgentToolOptions): Tool {
  return tool({
    timeoutMs: defaultTimeoutMs,
    ...options,
    input: z.object({ prompt: z.string().describe('What the agent is asked, with all that it must know') }),
    execute: async ({ prompt }, { axon }) => (await axon.agent(agent).run({ prompt })).result,
  })
}
