/**
 * Owns what an agent's process is given when it is started: its environment variables, its limits and the way of its start.
 * Who starts it is host.ts.
 */
import type { AgentDefinition } from '../../machines/definition.ts'
import type { Resources } from '../resources.ts'
import { inheritedVariables } from './environment-variables.ts'
import type { LaunchSpec } from './host.ts'

export function launchOptions(
  definition: AgentDefinition,
  resources: Resources,
): Pick<LaunchSpec, 'env' | 'start' | 'limits'> {
  const { start, limits } = definition
  const marks = { AXON_SYSTEM: resources.id, AXON_AGENT: definition.name, PYDANTIC_AI_NO_BANNER: '1' }
  return { env: { ...inheritedVariables(resources.env), ...definition.env, ...marks }, start, limits }
}
