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

/** Whether a process serves where it was told to: elsewhere, Node would hand its token and its runs to somebody else. */
export function isAsTold(served: Endpoint, { endpoint: told }: LaunchFrame): boolean {
  if (served.kind === 'unix') return told.kind === 'unix' && served.path === told.path
  return told.kind === 'tcp' && (told.port === 0 || told.port === served.port)
}

/** The tools as the launch frame has them. */
export function toolList(tools: NonNullable<AgentDefinition['tools']>): NonNullable<LaunchFrame['tools']> {
  return Object.entries(tools).map(([name, { description, parameters }]) => ({ name, description, parameters }))
}
