/**
 * Owns `axon env`: the environments that are kept, making those of a configuration, and removing what nobody needs. All of it
 * is done by runtime/environment.
 */
import { basename, resolve } from 'node:path'
import { PythonEnvError } from '../errors.ts'
import { parseAgents } from '../runtime/config/agents.ts'
import { defaultCacheDir, ensureEnvironment } from '../runtime/environment/environment.ts'
import { listEnvironments, type Places, pruneEnvironments, type StoredFacts } from '../runtime/environment/inventory.ts'
import { specOf } from '../runtime/provide.ts'
import { defaultStateDir } from '../runtime/state/record.ts'
import { onInterrupt } from './interrupt.ts'
import { type ConfigFlag, readSettings } from './settings.ts'
import { clearStatus, paint, printJson, printLine, report, say, status } from './terminal.ts'

export interface EnvFlags extends ConfigFlag {
  json?: boolean
}

export interface PruneFlags extends EnvFlags {
  /** Days. */
  olderThan: number
  dryRun?: boolean
}

const dayMs = 24 * 60 * 60_000

export async function list({ json, ...flags }: EnvFlags): Promise<number> {
  show(await listEnvironments(await placesOf(flags)), json)
  return 0
}

export async function prune({ json, olderThan, dryRun, ...flags }: PruneFlags): Promise<number> {
  const places = await placesOf(flags)
  const removed = await pruneEnvironments({ ...places, olderThanMs: olderThan * dayMs, isDryRun: dryRun })
  show(removed, json)
  const bytes = removed.reduce((sum, environment) => sum + environment.bytes, 0)
  say(`${removed.length} ${dryRun ? 'would be removed' : 'removed'}, ${mebibytes(bytes)}.`)
  return 0
}

/** Makes the environment of every agent; goes on after one that fails, and answers the first failure's exit code. */
export async function sync({ json, ...flags }: EnvFlags): Promise<number> {
  const { options } = await readSettings(flags)
  const controller = new AbortController()
  const interrupt = onInterrupt(() => controller.abort())
  let code = 0
  try {
    for (const definition of parseAgents(options.agents)) {
      const { name } = definition
      try {
        const { root, version, fingerprint, installer, isWarm } = await ensureEnvironment(specOf(definition), {
          cacheDir: options.cacheDir,
          uv: options.uv,
          signal: controller.signal,
          onProgress: ({ message }) => status(`${name}: ${message}`),
        })
        clearStatus()
        if (json) printJson({ agent: name, root, python: version, fingerprint, installer, wasThere: isWarm })
        else printLine(`${name}  Python ${version}  ${isWarm ? 'was there' : 'made'}  ${root}`)
      } catch (error) {
        if (interrupt.code !== undefined) return interrupt.code
        const failed = report(named(error, name), { json })
        code ||= failed
      }
    }
  } finally {
    clearStatus()
    interrupt.off()
  }
  return code
}

function named(error: unknown, agent: string): unknown {
  if (!(error instanceof PythonEnvError)) return error
  const { code, message, retryable, context, cause } = error
  return new PythonEnvError(code, `${agent}: ${message}`, { agent, retryable, context, cause })
}

async function placesOf(flags: ConfigFlag): Promise<Places> {
  const { options } = await readSettings(flags)
  return {
    cacheDir: resolve(options.cacheDir ?? defaultCacheDir()),
    stateDir: resolve(options.stateDir ?? defaultStateDir(process.env)),
  }
}

function show(environments: readonly StoredFacts[], json: boolean | undefined): void {
  if (json) return printJson(environments)
  for (const { fingerprint, root, python, packages, bytes, lastUsed, inUseBy } of environments) {
    const used =
      inUseBy.length > 0 ? `in use by ${inUseBy.join(', ')}` : `last used ${new Date(lastUsed).toISOString()}`
    const name = basename(fingerprint).slice(0, 12)
    printLine(`${paint('bold', name)}  Python ${python}  ${packages} packages  ${mebibytes(bytes)}  ${used}`)
    printLine(`  ${root}`)
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
