/**
 * Owns what is known of one interpreter: asks it by running it, and remembers the answer on disk for as long as its file does
 * not change. Does not choose between interpreters.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { CommandRunner } from './command.ts'
import { share } from './shared.ts'

/** An interpreter's file. Any change of it makes what was known worthless. */
export interface InterpreterFile {
  /** Without symbolic links. Absolute. */
  path: string
  mtimeMs: number
  size: number
}

const factsSchema = z.object({
  /** For example `3.12.1`. */
  version: z.string(),
  /** `final`, or `alpha`, `beta`, `candidate`. */
  release: z.string(),
  /** For example `cpython`. */
  implementation: z.string(),
  isFreeThreaded: z.boolean(),
  prefix: z.string(),
  hasVenv: z.boolean(),
  hasEnsurepip: z.boolean(),
  hasPip: z.boolean(),
})
export type InterpreterFacts = z.infer<typeof factsSchema>

const recordSchema = z.object({
  format: z.literal(1),
  path: z.string(),
  mtimeMs: z.number(),
  size: z.number(),
  facts: factsSchema.optional(),
  failure: z.string().optional(),
})

/** Facts, or why there are none. */
export type Probe = { facts: InterpreterFacts; failure?: undefined } | { facts?: undefined; failure: string }

// Understood by Python 2 as well, so that an old interpreter is called old rather than broken.
const script = `
import json, sys
def has(name):
    try:
        __import__(name)
        return True
    except Exception:
        return False
def has_ensurepip():
    try:
        import ensurepip
        return bool(ensurepip.version())
    except Exception:
        return False
def has_pip():
    try:
        import importlib.util
        return importlib.util.find_spec("pip") is not None
    except Exception:
        return False
import platform, sysconfig
sys.stdout.write("\\naxon:" + json.dumps({
    "version": "%d.%d.%d" % tuple(sys.version_info[:3]),
    "release": sys.version_info[3],
    "implementation": platform.python_implementation().lower(),
    "isFreeThreaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "prefix": sys.prefix,
    "hasVenv": has("venv"), "hasEnsurepip": has_ensurepip(), "hasPip": has_pip(),
}) + "\\n")
`

const probeTimeoutMs = 20_000

export interface ProbeOptions {
  cacheDir: string
  env: NodeJS.ProcessEnv
  run: CommandRunner
  signal?: AbortSignal | undefined
  /** Asks again although an answer is known. */
  isFresh?: boolean
}

export async function probe(file: InterpreterFile, options: ProbeOptions): Promise<Probe> {
  if (options.isFresh !== true) {
    const known = await recall(file, options.cacheDir)
    if (known !== undefined) return known
  }
  // Many agents that start at once ask the same interpreters.
  return share(`probe ${options.cacheDir} ${file.path}`, options, (signal) => ask(file, { ...options, signal }))
}

async function ask(file: InterpreterFile, options: ProbeOptions): Promise<Probe> {
  const result = await options.run({
    argv: [file.path, '-E', '-s', '-c', script],
    // Python puts the working directory on sys.path: a json.py of the user's must not be imported.
    cwd: '/',
    env: options.env,
    signal: options.signal,
    timeoutMs: probeTimeoutMs,
  })
  const answer = parseAnswer(result.lines)
  const failure = result.isTimedOut ? 'did not answer' : (result.startFailure ?? result.lines.at(-1) ?? 'said nothing')
  const found: Probe = answer === undefined ? { failure } : { facts: answer }
  await remember(file, found, options.cacheDir)
  return found
}

function parseAnswer(lines: readonly string[]): InterpreterFacts | undefined {
  const line = lines.findLast((text) => text.startsWith('axon:'))
  if (line === undefined) return undefined
  const parsed = factsSchema.safeParse(parseJson(line.slice('axon:'.length)))
  return parsed.success ? parsed.data : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function recordFile(file: InterpreterFile, cacheDir: string): string {
  const name = createHash('sha256').update(file.path).digest('hex').slice(0, 32)
  return join(cacheDir, 'interpreters', `${name}.json`)
}

async function recall(file: InterpreterFile, cacheDir: string): Promise<Probe | undefined> {
  const text = await readFile(recordFile(file, cacheDir), 'utf8').catch(() => '')
  const record = recordSchema.safeParse(parseJson(text))
  if (!record.success) return undefined
  const { path, mtimeMs, size, facts, failure } = record.data
  if (path !== file.path || mtimeMs !== file.mtimeMs || size !== file.size) return undefined
  if (facts !== undefined) return { facts }
  return failure === undefined ? undefined : { failure }
}

/** What cannot be remembered is asked again next time: no error. */
async function remember(file: InterpreterFile, found: Probe, cacheDir: string): Promise<void> {
  const target = recordFile(file, cacheDir)
  const draft = `${target}.${randomUUID()}`
  try {
    await mkdir(dirname(target), { recursive: true })
    await writeFile(draft, JSON.stringify({ format: 1, ...file, ...found }))
    await rename(draft, target)
  } catch {
    await rm(draft, { force: true }).catch(() => {})
  }
}
