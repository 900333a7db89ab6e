/** Owns the environment that every benchmark and every peer runs in: byte-compiled, made by Axon. */
import { type AgentOptions, type Environment, ensureEnvironment } from 'axon-runtime'

export const benchRoot = import.meta.dirname

const dependencies = ['pydantic-ai-slim']

export const agentOptions: AgentOptions = { module: 'agents.support', cwd: benchRoot, dependencies }

export function benchEnvironment(): Promise<Environment> {
  return ensureEnvironment({ cwd: benchRoot, dependencies })
}
