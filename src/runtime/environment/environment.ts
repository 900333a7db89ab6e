/**
 * Owns `ensureEnvironment`: the order in which an environment is looked for, made and counted. Each step stands in a file of
 * its own.
 *
 * 1. A warm check starts no process: it reads sources, remembered facts, and one small file.
 * 2. Of all processes that need the same environment one builds it; the others wait and use it.
 * 3. Aborted or failed, a build leaves neither a directory nor a lock.
 */
import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { isAxonError, PythonEnvError } from '../../errors.ts'
import type { Environment, EnvironmentProgress, EnvironmentSpec } from '../../machines/slots.ts'
import { isOutOfFiles } from '../descriptors.ts'
import { type Command, type CommandRunner, runCommand } from './command.ts'
import { commandEnvironment } from './command-environment.ts'
import { checkExisting, environmentDirectory } from './existing.ts'
import { systemFailure } from './failures.ts'
import { fingerprintOf } from './fingerprint.ts'
import { watchDirectory } from './guard.ts'
import { installWithPip, installWithUv } from './installer.ts'
import { type Interpreter, selectInterpreter } from './interpreters.ts'
import { acquireLock } from './lock.ts'
import { progressReporter, type ReportProgress } from './progress.ts'
import { share } from './shared.ts'
import { readSource, type Source } from './sources.ts'
import { EnvironmentStore } from './store.ts'
import { findUv } from './uv.ts'
import { defaultWheel, readWheel, type Wheel } from './wheel.ts'

export interface EnvironmentOptions {
  /** Absolute path of axon_agent's wheel. Default: the one that comes with this package. */
  wheel?: string | undefined
  /** Where environments, tools and remembered facts are kept. Default: `$XDG_CACHE_HOME/axon`, else `~/.cache/axon`. */
  cacheDir?: string | undefined
  /** Environment of every command, and where PATH is read. Default: `process.env`. */
  env?: NodeJS.ProcessEnv | undefined
  /** Ends all commands and rejects with ENV_CANCELLED. */
  signal?: AbortSignal | undefined
  onProgress?: ((progress: EnvironmentProgress) => void) | undefined
  /** uv's path or name; `false`: pip is used. Default: looked for on PATH, else installed into `cacheDir`. */
  uv?: string | false | undefined
  /** Runs commands; replaced in tests. */
  run?: CommandRunner | undefined
  /** Milliseconds, for `elapsedMs`; replaced in tests. */
  now?: (() => number) | undefined
}

/** One call: what all its steps share. */
interface Call {
  spec: EnvironmentSpec
  cacheDir: string
  env: NodeJS.ProcessEnv
  signal: AbortSignal | undefined
  uv: string | false | undefined
  run: CommandRunner
  report: ReportProgress
  wheel: Wheel
  store: EnvironmentStore
}

type Found = Omit<Environment, 'elapsedMs'>

export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME
  return join(base !== undefined && isAbsolute(base) ? base : join(env.HOME ?? homedir(), '.cache'), 'axon')
}

/**
 * Returns the environment that `spec` asks for, and makes it where it does not exist yet. Calls may be made at the same time
 * from any number of processes.
 * @throws PythonEnvError with one of the ENV_ codes; `context` has the command, its last lines and what to try
 */
export async function ensureEnvironment(spec: EnvironmentSpec, options: EnvironmentOptions = {}): Promise<Environment> {
  const now = options.now ?? (() => performance.now())
  const startedMs = now()
  let commands = 0
  const run = options.run ?? runCommand
  try {
    options.signal?.throwIfAborted()
    const userEnv = options.env ?? process.env
    // Hosts run in directories of their own.
    const cacheDir = resolve(options.cacheDir ?? defaultCacheDir(userEnv))
    const call: Call = {
      spec,
      cacheDir,
      env: commandEnvironment(userEnv),
      signal: options.signal,
      uv: options.uv,
      run: (command) => {
        commands++
        return run(command)
      },
      report: progressReporter(options.onProgress),
      wheel: await readWheel(options.wheel ?? defaultWheel()),
      store: new EnvironmentStore(cacheDir),
    }
    const found = await ensure(call)
    call.report('complete', `Python ${found.version} is ready`)
    return { ...found, isWarm: found.isWarm && commands === 0, elapsedMs: now() - startedMs }
  } catch (error) {
    throw toEnvironmentError(error, options.signal)
  }
}

async function ensure(call: Call): Promise<Found> {
  const { spec, cacheDir, wheel, report, signal } = call
  const root = spec.python === undefined ? undefined : await environmentDirectory(spec.python, spec.cwd)
  if (root !== undefined) {
    report('interpreter', `Checking ${root}`)
    const check = (signal: AbortSignal) => {
      const run = runIn({ ...call, signal })
      return checkExisting(root, { cacheDir, wheel, hasUv: typeof call.uv === 'string', run })
    }
    const existing = await share(`existing ${cacheDir} ${root} ${wheel.path}`, { signal }, check)
    return { ...existing, installer: 'none', isWarm: true }
  }
  report('interpreter', 'Looking for Python')
  const source = await readSource(spec)
  const interpreter = await selectInterpreter(
    { python: spec.python, cwd: spec.cwd, requires: source.requires },
    { cacheDir, env: call.env, run: call.run, signal },
  )
  const { path, mtimeMs, size, facts } = interpreter
  const parts = [path, facts.version, mtimeMs, size, source.identity, wheel.name, wheel.sha256]
  const fingerprint = fingerprintOf(spec.noBuild ? [...parts, 'no build'] : parts)
  const stored = await call.store.find(fingerprint)
  if (stored !== undefined) return { ...stored, fingerprint, isWarm: true }
  return share(`build ${cacheDir} ${fingerprint}`, { signal, report }, (signal, report) =>
    buildLocked({ ...call, signal, report }, fingerprint, interpreter, source),
  )
}

async function buildLocked(call: Call, fingerprint: string, interpreter: Interpreter, source: Source): Promise<Found> {
  const { cacheDir, store, signal, report } = call
  const release = await acquireLock(join(cacheDir, 'locks', fingerprint), {
    signal,
    onWait: ({ pid }) => report('lock', `Waiting for process ${pid}, which is making this environment`),
  })
  try {
    const made = await store.find(fingerprint)
    if (made === undefined) {
      await store.prune()
      await build(call, fingerprint, interpreter, source)
    }
    const stored = made ?? (await store.find(fingerprint))
    if (stored === undefined) throw new Error(`The environment ${fingerprint} vanished while it was made.`)
    return { ...stored, fingerprint, isWarm: false }
  } finally {
    await release()
  }
}

async function build(call: Call, fingerprint: string, interpreter: Interpreter, source: Source): Promise<void> {
  const { cacheDir, store, spec, env, signal, report, wheel } = call
  const run = runIn(call)
  await demandDirectory(spec.cwd)
  report('installer', 'Looking for uv')
  const onInstall = () => report('installer', 'Installing uv', 0.3)
  const uv = await findUv({ uv: call.uv, cacheDir, cwd: spec.cwd, env, interpreter, signal, run, onInstall })
  const directory = store.nextBuild(fingerprint)
  const unwatch = watchDirectory(interpreter.path, directory, env)
  try {
    await store.begin(directory)
    const context = {
      python: interpreter.path,
      source: source.kind,
      ...(uv.path === undefined ? { uv: uv.reason } : {}),
    }
    const noBuild = spec.noBuild ?? false
    const options = { build: directory, interpreter, source, wheel, cwd: spec.cwd, noBuild, env, run, report, context }
    if (uv.path === undefined) await installWithPip(options)
    else await installWithUv(uv.path, options)
    signal?.throwIfAborted()
    const installer = uv.path === undefined ? 'pip' : 'uv'
    await store.complete(directory, { fingerprint, version: interpreter.facts.version, installer })
  } catch (error) {
    await store.discard(directory)
    throw error
  } finally {
    await unwatch()
  }
}

/** A command started in a directory that is not there fails as if the command were missing. */
async function demandDirectory(cwd: string): Promise<void> {
  const stats = await stat(cwd).catch(() => undefined)
  if (stats?.isDirectory()) return
  throw new PythonEnvError('ENV_SOURCE_INVALID', `The directory ${cwd} does not exist. Correct "cwd".`, {
    context: { cwd },
  })
}

function runIn({ spec, env, signal, run }: Call) {
  return (argv: Command['argv'], options: Partial<Command> = {}) =>
    run({ cwd: spec.cwd, env, signal, ...options, argv })
}

function toEnvironmentError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (isAxonError(error) && !isOutOfFiles(error)) return error
  if (signal?.aborted === true) {
    return new PythonEnvError('ENV_CANCELLED', 'Making the environment was cancelled. Nothing half-made is left.', {
      cause: error,
    })
  }
  return systemFailure(error) ?? error
}
