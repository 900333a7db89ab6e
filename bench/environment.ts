/** Owns the environment that every benchmark and every peer runs in: byte-compiled, made by Axon. */
import { type Environment, ensureEnvironment } from 'axon-runtime'

export const benchRoot = import.meta.dirname

export const agentOptions = {
  module: 'agents.support',
  cwd: benchRoot,
  dependencies: ['pydantic-ai-slim'],
} as const

export function benchEnvironment(): Promise<Environment> {
  return ensureEnvironment({ cwd: benchRoot, dependencies: agentOptions.dependencies })
}
