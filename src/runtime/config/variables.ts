/**
 * Owns the environment variables that stand above a configuration: what a deployment changes, and nothing else.
 * docs/configuration.md has the same table.
 */
import { resolve } from 'node:path'
import { invalid } from './fields.ts'
import type { AxonConfig, LogLevel } from './file.ts'
import { logLevels } from './file.ts'

/** Each variable, and the option whose place it takes. A path is from the working directory. */
export const configVariables = {
  AXON_CACHE_DIR: 'cacheDir',
  AXON_RUNTIME_DIR: 'runtimeDir',
  AXON_STATE_DIR: 'stateDir',
  AXON_UV: 'uv',
  AXON_JOURNAL: 'journal.path',
  AXON_LOG_LEVEL: 'logLevel',
} as const

/** The options that the variables of `env` give; an empty one gives none. @throws AxonError CONFIG_INVALID */
export function fromVariables(env: NodeJS.ProcessEnv, journal: AxonConfig['journal']): Partial<AxonConfig> {
  const pathOf = (name: keyof typeof configVariables) => (env[name] ? resolve(env[name]) : undefined)
  const { AXON_UV: uv, AXON_LOG_LEVEL: logLevel } = env
  if (logLevel && !logLevels.includes(logLevel as LogLevel))
    throw invalid(`AXON_LOG_LEVEL is ${JSON.stringify(logLevel)}; write one of ${logLevels.join(', ')}`)
  const journalPath = pathOf('AXON_JOURNAL')
  const given = {
    cacheDir: pathOf('AXON_CACHE_DIR'),
    runtimeDir: pathOf('AXON_RUNTIME_DIR'),
    stateDir: pathOf('AXON_STATE_DIR'),
    uv: uv ? (uv === 'false' ? false : uv) : undefined,
    journal: journalPath === undefined ? undefined : { ...journal, path: journalPath },
    logLevel: (logLevel || undefined) as LogLevel | undefined,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
