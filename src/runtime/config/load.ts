/**
 * Owns the way from a configuration file to the options of a system: finding it, loading it, and what its paths mean. What may
 * stand in it is file.ts.
 *
 * 1. Paths in the file are from its directory, wherever the command is run.
 * 2. Environment variables stand above the file.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { AxonError } from '../../errors.ts'
import type { AxonOptions } from '../axon.ts'
import type { AgentsOptions } from './agents.ts'
import { invalid } from './fields.ts'
import { type AxonConfig, checkConfig, type LogLevel } from './file.ts'
import { fromVariables } from './variables.ts'

/** The names of configuration files; a directory has one of them. */
export const configNames = [
  'axon.config.ts',
  'axon.config.mts',
  'axon.config.js',
  'axon.config.mjs',
  'axon.config.json',
]

export interface LoadedConfig {
  /** Absolute. */
  path: string
  options: AxonOptions & { agents: AgentsOptions }
  logLevel: LogLevel
}

export interface LoadOptions {
  /** The file. Default: looked for in `cwd` and above. */
  file?: string | undefined
  /** Default: the working directory. */
  cwd?: string | undefined
  /** Default: `process.env`. */
  env?: NodeJS.ProcessEnv | undefined
}

let loads = 0

/**
 * The options that stand in a configuration file, for `createAxon`: paths are absolute, and environment variables heeded.
 * @param file default: `axon.config.ts` (or .mts, .js, .mjs, .json), looked for in the working directory and above
 * @throws AxonError CONFIG_NOT_FOUND, CONFIG_INVALID
 */
export async function loadConfig(file?: string): Promise<AxonOptions> {
  return (await readConfig({ file })).options
}

/** As `loadConfig`, with what the commands need beside. Each call reads the file anew; what it imports is read once. */
export async function readConfig(given: LoadOptions = {}): Promise<LoadedConfig> {
  const { file, cwd = process.cwd(), env = process.env } = given
  const path = file === undefined ? findConfig(cwd) : resolve(cwd, file)
  if (path === undefined || !existsSync(path)) throw notFound(path, cwd)
  const config = checkConfig(await load(path), path)
  return { path, ...settle(config, dirname(path), env) }
}

/** The nearest configuration file, from `cwd` upwards. @throws AxonError CONFIG_INVALID where a directory has two */
export function findConfig(cwd: string): string | undefined {
  for (let directory = resolve(cwd); ; directory = dirname(directory)) {
    const found = configNames.filter((name) => existsSync(join(directory, name)))
    if (found.length > 1) throw invalid(`${directory} has ${found.join(' and ')}. Keep one of them`)
    if (found[0] !== undefined) return join(directory, found[0])
    if (directory === dirname(directory)) return undefined
  }
}

/** What the variables alone give, where there is no file. */
export function withoutConfig(env: NodeJS.ProcessEnv = process.env): Omit<LoadedConfig, 'path'> {
  return settle({}, process.cwd(), env)
}

async function load(path: string): Promise<unknown> {
  try {
    if (extname(path) === '.json') return JSON.parse(readFileSync(path, 'utf8'))
    // Modules are loaded once for each address.
    const { href } = pathToFileURL(path)
    loads += 1
    const loaded = await import(loads === 1 ? href : `${href}?load=${loads}`)
    if (loaded.default !== undefined) return loaded.default
  } catch (cause) {
    throw invalid(`${path} cannot be loaded: ${messageOf(cause)}${hintOf(cause)}`, cause)
  }
  throw invalid(`${path} has no default export. Write: export default defineConfig({ agents: { … } })`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

function hintOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
    return '. Node strips types and compiles nothing: write no enum, namespace or parameter property'
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') return '. Use Node 22.19 or newer without --no-strip-types, or a .js file'
  if (code === 'ERR_MODULE_NOT_FOUND') return '. Install what it imports (npm install), or correct the name'
  return ''
}

function settle(config: AxonConfig, directory: string, env: NodeJS.ProcessEnv): Omit<LoadedConfig, 'path'> {
  const absolute = (path: string | undefined) => (path === undefined ? undefined : resolve(directory, path))
  const { $schema: _schema, logLevel: _level, agents = {}, journal, uv, ...rest } = config
  const paths = {
    cacheDir: absolute(config.cacheDir),
    runtimeDir: absolute(config.runtimeDir),
    stateDir: absolute(config.stateDir),
    journal: journal && { ...journal, path: resolve(directory, journal.path) },
    // A name is looked for on PATH.
    uv: typeof uv === 'string' && uv.includes('/') ? absolute(uv) : uv,
  }
  const { logLevel = config.logLevel ?? 'info', ...variables } = fromVariables(env, paths.journal)
  const placed = Object.entries(agents).map(([name, agent]) => {
    return [name, { ...agent, cwd: resolve(directory, agent.cwd ?? '.') }] as const
  })
  return { options: { ...rest, ...paths, ...variables, agents: Object.fromEntries(placed) }, logLevel }
}

function notFound(path: string | undefined, cwd: string): AxonError {
  const message =
    path === undefined
      ? `There is no axon.config.ts in ${cwd} or above. Make one, or name a file with --config.`
      : `There is no configuration file ${path}. Correct its name.`
  return new AxonError('CONFIG_NOT_FOUND', message, { context: { path, cwd, names: configNames } })
}
