/**
 * Owns what a configuration file may say. Where the file is and how it is read is load.ts.
 */
import * as z from 'zod'
import type { AxonOptions } from '../axon.ts'
import { agents } from './agents.ts'
import { describe, invalid, options } from './fields.ts'
import { journalOptions } from './journal.ts'
import { placement } from './placement.ts'
import { inCode, ofMachine, supervision, supervisors } from './system.ts'

export const logLevels = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const
/** From nothing to everything. */
export type LogLevel = (typeof logLevels)[number]

const asText = {
  /** For editors; not read here. */
  $schema: z.string().optional(),
  agents: agents.default({}),
  supervisors: supervisors.optional(),
  supervision: supervision.optional(),
  journal: journalOptions.optional(),
  placement: placement.optional(),
  ...ofMachine,
  logLevel: z.enum(logLevels).default('info'),
}

const configFile = options({ ...asText, ...inCode })

/** What a file in JSON may say, for editors: config.schema.json in the package's root. */
export function configSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(options(asText), {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema, path }) => {
      // This default is the platform's, and the file is for all of them.
      if (path.at(-1) === 'start') delete jsonSchema.default
      // What an agent has in code alone.
      const { properties } = jsonSchema
      if (properties?.module) for (const field of ['tools', 'output']) delete properties[field]
    },
  })
  return { $schema, title: 'axon.config.json', description: 'The configuration of Axon: docs/cli.md.', ...schema }
}

/** What `axon.config.ts` exports: the options of `createAxon` that are neither a clock nor an environment, and `logLevel`. */
export interface AxonConfig extends Omit<AxonOptions, 'clock' | 'env'> {
  $schema?: string | undefined
  /** Which events the commands tell: `silent`, `error`, `warn`, `info`, `debug` or `trace`. Default `info`. */
  logLevel?: LogLevel | undefined
}

/** Gives the configuration of a file its type: `export default defineConfig({ agents: { … } })`. */
export function defineConfig(config: AxonConfig): AxonConfig {
  return config
}

/** @throws AxonError CONFIG_INVALID naming the file and each field that is wrong */
export function checkConfig(given: unknown, path: string): AxonConfig {
  const parsed = configFile.safeParse(given)
  if (!parsed.success) throw invalid(`${path}\n${describe(parsed.error)}`, parsed.error)
  return given as AxonConfig
}
