/**
 * Owns uv itself: where it is found, and its installation into Axon's own tools directory. Does not use it to install anything.
 *
 *     <cacheDir>/tools/uv/bin/uv
 */

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { isAlive, ownerName, parseOwnerName, thisOwner } from '../process/owner.ts'
import type { Command, CommandResult } from './command.ts'
import { watchDirectory } from './guard.ts'
import type { Interpreter } from './interpreters.ts'
import { acquireLock } from './lock.ts'
import { compareVersions } from './requires-python.ts'

export interface LookOptions {
  /** A path or name; `false` for none; undefined to look for it and install it. */
  uv?: string | false | undefined
  cacheDir: string
  cwd: string
  env: NodeJS.ProcessEnv
  run: (argv: Command['argv'], options?: Partial<Command>) => Promise<CommandResult>
}

export interface UvOptions extends LookOptions {
  interpreter: Interpreter
  signal?: AbortSignal | undefined
  onInstall: () => void
}

/** uv's absolute path, or why there is none. */
export type FoundUv = { path: string; reason?: undefined } | { path?: undefined; reason: string }

/** The first with `uv pip install --compile-bytecode`, `uv export` and `uv venv` as they are used here. */
const oldest = [0, 5, 0] as const

export async function findUv(options: UvOptions): Promise<FoundUv> {
  const found = await lookForUv(options)
  if (found.path !== undefined || options.uv !== undefined) return found
  return installUv(installedUv(options.cacheDir), options, found.reasons)
}

/** As `findUv`, and installs nothing. `reasons` say what is wrong with those that are there. */
export async function lookForUv(options: LookOptions): Promise<FoundUv & { reasons: readonly string[] }> {
  if (options.uv === false) return { reason: 'uv is switched off', reasons: [] }
  const installed = installedUv(options.cacheDir)
  const candidates = options.uv === undefined ? [...onPath('uv', options.env), installed] : named(options.uv, options)
  const reasons: string[] = []
  for (const candidate of candidates) {
    if (!(await isExecutable(candidate))) continue
    const fault = await faultOf(candidate, options)
    if (fault === undefined) return { path: candidate, reasons }
    reasons.push(`${candidate} ${fault}`)
  }
  return { reason: reasons[0] ?? `${options.uv ?? 'uv'} was not found`, reasons }
}

function installedUv(cacheDir: string): string {
  return join(cacheDir, 'tools', 'uv', 'bin', 'uv')
}

function named(uv: string, { cwd, env }: LookOptions): string[] {
  return uv.includes('/') ? [resolve(cwd, uv)] : onPath(uv, env)
}

function onPath(name: string, env: NodeJS.ProcessEnv): string[] {
  const directories = (env.PATH ?? '').split(delimiter).filter((entry) => isAbsolute(entry))
  return [...new Set(directories)].map((directory) => join(directory, name))
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}

/** Asked by running it: a shim may exist and lead nowhere. */
async function faultOf(uv: string, options: LookOptions): Promise<string | undefined> {
  const result = await options.run([uv, '--version'], { timeoutMs: 10_000 })
  const version = /^uv (\d+)\.(\d+)\.(\d+)/m.exec(result.lines.join('\n'))?.slice(1).map(Number)
  if (result.exitCode !== 0 || version === undefined) return `does not run: ${result.lines.at(-1) ?? 'it said nothing'}`
  return compareVersions(version, oldest) < 0 ? `is too old: ${version.join('.')}` : undefined
}

async function installUv(installed: string, options: UvOptions, reasons: readonly string[]): Promise<FoundUv> {
  const tools = join(options.cacheDir, 'tools')
  const release = await acquireLock(join(options.cacheDir, 'locks', 'uv'), { signal: options.signal })
  let unwatch: (() => Promise<void>) | undefined
  const staging = join(tools, `.${ownerName(thisOwner())}-${randomBytes(4).toString('hex')}`)
  try {
    // Another process may have installed it while this one waited.
    if ((await isExecutable(installed)) && (await faultOf(installed, options)) === undefined) return { path: installed }
    options.onInstall()
    await removeDead(tools)
    unwatch = watchDirectory(options.interpreter.path, staging, options.env)
    await mkdir(join(staging, 'tmp'), { recursive: true })
    const failure = await pipInstallUv(staging, options)
    if (failure !== undefined) return { reason: [...reasons, failure].join('; ') }
    await rm(join(tools, 'uv'), { recursive: true, force: true })
    await rename(join(staging, 'uv'), join(tools, 'uv'))
    return { path: installed }
  } finally {
    await rm(staging, { recursive: true, force: true })
    await unwatch?.()
    await release()
  }
}

/** Why it failed, or undefined. */
async function pipInstallUv(staging: string, options: UvOptions): Promise<string | undefined> {
  const { facts, path } = options.interpreter
  const guard = { python: path, remove: staging }
  const env = { ...options.env, TMPDIR: join(staging, 'tmp') }
  let python = path
  if (!facts.hasPip) {
    if (!facts.hasVenv || !facts.hasEnsurepip) return 'uv could not be installed: there is no pip'
    const made = await options.run([path, '-m', 'venv', join(staging, 'pip')], { guard, env })
    if (made.exitCode !== 0) return 'uv could not be installed: there is no pip, and venv failed'
    python = join(staging, 'pip', 'bin', 'python')
  }
  const target = join(staging, 'uv')
  const argv = ['-m', 'pip', 'install', '--no-deps', '--no-compile', '--only-binary', ':all:', '--target', target, 'uv']
  const result = await options.run([python, ...argv], { guard, env })
  const fault = result.exitCode === 0 ? await faultOf(join(target, 'bin', 'uv'), options) : undefined
  if (result.exitCode === 0 && fault === undefined) return undefined
  return `uv could not be installed: ${fault ?? result.lines.findLast((line) => /ERROR/.test(line)) ?? 'pip failed'}`
}

async function removeDead(tools: string): Promise<void> {
  for (const name of await readdir(tools).catch(() => [])) {
    const owner = name.startsWith('.') ? parseOwnerName(name.slice(1)) : undefined
    if (owner === undefined) continue
    const { mtimeMs } = await stat(join(tools, name))
    if (!isAlive(owner, mtimeMs)) await rm(join(tools, name), { recursive: true, force: true })
  }
}
