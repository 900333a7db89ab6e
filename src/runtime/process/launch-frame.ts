/**
 * Owns what a new process is told of its agent.
 */
import type { AgentDefinition } from '../../machines/definition.ts'
import type { Endpoint, LaunchFrame } from '../../protocol/control.ts'
import { sandboxOrder } from './confinement.ts'

const heartbeatMs = 2_000

/** `temporary` is the directory of its own that a process in a sandbox has. */
export function launchFrame(
  definition: AgentDefinition,
  token: string,
  endpoint: Endpoint,
  temporary: string | undefined,
): LaunchFrame {
  const { name, module, model, cwd, shutdownMs, tools } = definition
  return {
    type: 'launch',
    token,
    agent: name,
    module,
    model: model ?? null,
    cwd,
    endpoint,
    shutdownMs,
    heartbeatMs,
    sandbox: sandboxOrder(definition, temporary),
    ...(tools && { tools: toolList(tools) }),
  }
}

/** The tools as the launch frame has them. */
export function toolList(tools: NonNullable<AgentDefinition['tools']>): NonNullable<LaunchFrame['tools']> {
  return Object.entries(tools).map(([name, { description, parameters }]) => ({ name, description, parameters }))
}
