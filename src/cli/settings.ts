/**
 * Owns what a command that looks at this machine reads of a configuration: its options, where there is one.
 */
import { resolve } from 'node:path'
import { findConfig, type LoadedConfig, readConfig, withoutConfig } from '../runtime/config/load.ts'
import { defaultStateDir } from '../runtime/state/record.ts'

export interface ConfigFlag {
  config?: string
}

/** The configuration that is named, else the nearest, else what the variables alone give. @throws AxonError CONFIG_NOT_FOUND, CONFIG_INVALID */
export async function readSettings({ config }: ConfigFlag): Promise<Omit<LoadedConfig, 'path'> & { path?: string }> {
  const file = config ?? findConfig(process.cwd())
  return file === undefined ? withoutConfig() : await readConfig({ file })
}

/** Where the records of systems are. */
export async function stateDirOf(flags: ConfigFlag): Promise<string> {
  const { options } = await readSettings(flags)
  return resolve(options.stateDir ?? defaultStateDir(process.env))
}
