/**
 * Owns the choice of an interpreter: where Pythons are looked for, which one is best, and what is said where none will do.
 * What a single one can do is asked in probe.ts.
 */
import { realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import { PythonEnvError } from '../../errors.ts'
import { namesIn } from './listings.ts'
import { type InterpreterFacts, type InterpreterFile, type Probe, type ProbeOptions, probe } from './probe.ts'
import { compareVersions, parseVersion, satisfies, type Version } from './requires-python.ts'

export interface Interpreter extends InterpreterFile {
  facts: InterpreterFacts
}

export interface InterpreterRequest {
  /** A name, a path, or a version such as `3.12`; undefined for the newest. */
  python?: string | undefined
  /** Base of relative paths. Absolute. */
  cwd: string
  /** Version specifiers, and the file they stand in. */
  requires?: { specifiers: string; file: string } | undefined
}

interface Candidate extends InterpreterFile {
  /** Major and minor as far as the path tells. */
  hint?: readonly [number, number] | undefined
}

/** The oldest Python that axon_agent runs on. */
export const minimumPython: Version = [3, 10, 0]

/**
 * The newest interpreter that satisfies the request. Starts no process where all that must be known is remembered.
 * @throws PythonEnvError ENV_PYTHON_NOT_FOUND, ENV_PYTHON_TOO_OLD, ENV_PYTHON_UNSATISFIED
 */
export async function selectInterpreter(request: InterpreterRequest, options: ProbeOptions): Promise<Interpreter> {
  const candidates = findCandidates(request, options.env)
  const seen: { path: string; version: string }[] = []
  const broken: { path: string; failure: string }[] = []
  // A broken one is asked again only where no other will do: what ails it may have been mended elsewhere.
  for (const isFresh of [false, true]) {
    seen.length = 0
    broken.length = 0
    const best = await selectBest(candidates, request, { ...options, isFresh }, seen, broken)
    if (best !== undefined) return best
    if (broken.length === 0) break
  }
  throw noInterpreter(request, seen, broken)
}

/** Every interpreter that is found, the newest first, with its facts or why it does not run. */
export async function listInterpreters(options: ProbeOptions): Promise<(InterpreterFile & Probe)[]> {
  const candidates = findCandidates({ cwd: '/' }, options.env)
  return Promise.all(candidates.map(async (candidate) => ({ ...candidate, ...(await probe(candidate, options)) })))
}

async function selectBest(
  candidates: readonly Candidate[],
  request: InterpreterRequest,
  options: ProbeOptions,
  seen: { path: string; version: string }[],
  broken: { path: string; failure: string }[],
): Promise<Interpreter | undefined> {
  const isNamed = request.python !== undefined && versionRequest(request.python) === undefined
  let best: Interpreter | undefined
  for (const candidate of candidates) {
    // Candidates come newest first, those without a hint before all others.
    if (best !== undefined && candidate.hint !== undefined) {
      if (compareVersions(candidate.hint, bestVersion(best).slice(0, 2)) < 0) break
    }
    if (candidate.hint !== undefined && compareVersions(candidate.hint, minimumPython) < 0 && !isNamed) {
      seen.push({ path: candidate.path, version: candidate.hint.join('.') })
      continue
    }
    const { facts, failure } = await probe(candidate, options)
    if (facts === undefined) {
      broken.push({ path: candidate.path, failure })
      continue
    }
    seen.push({ path: candidate.path, version: facts.version })
    const isUsual = facts.implementation === 'cpython' && facts.release === 'final' && !facts.isFreeThreaded
    if (!isNamed && !isUsual) continue
    const version = parseVersion(facts.version)
    if (version === undefined || compareVersions(version, minimumPython) < 0) continue
    if (!matchesRequest(version, request)) continue
    if (best === undefined || compareVersions(version, bestVersion(best)) > 0) {
      best = { path: candidate.path, mtimeMs: candidate.mtimeMs, size: candidate.size, facts }
    }
  }
  return best
}

function bestVersion(interpreter: Interpreter): Version {
  return parseVersion(interpreter.facts.version) ?? [0, 0, 0]
}

function matchesRequest(version: Version, request: InterpreterRequest): boolean {
  if (request.requires !== undefined && !satisfies(version, request.requires.specifiers)) return false
  const wanted = request.python === undefined ? undefined : versionRequest(request.python)
  return wanted === undefined || satisfies(version, `==${wanted}${wanted.split('.').length < 3 ? '.*' : ''}`)
}

function versionRequest(python: string): string | undefined {
  return /^\d+(\.\d+){0,2}$/.test(python) ? python : undefined
}

function findCandidates(request: InterpreterRequest, env: NodeJS.ProcessEnv): Candidate[] {
  const { python, cwd } = request
  if (python !== undefined && (isAbsolute(python) || python.includes('/'))) {
    const candidate = candidateOf(resolve(cwd, python))
    return candidate === undefined ? [] : [candidate]
  }
  const isWanted = nameFilter(python)
  const directories = [...new Set((env.PATH ?? '').split(delimiter).filter((entry) => isAbsolute(entry)))]
  const files = directories.flatMap((directory) => pythonsIn(directory, isWanted))
  const elsewhere = [...pyenvPythons(directories, env), ...uvPythons(env)]
  files.push(...elsewhere.filter((file) => isWanted(`python${hintOf(file)?.join('.') ?? ''}`)))
  const found = files.map(candidateOf)
  const distinct = new Map<string, Candidate>()
  for (const candidate of found) {
    if (candidate !== undefined && !distinct.has(candidate.path)) distinct.set(candidate.path, candidate)
  }
  const isShadowed = python !== undefined && versionRequest(python) === undefined && !/^python3?(\.\d+)?$/.test(python)
  // An unusual name means the first of that name on PATH, as a shell would take it.
  if (isShadowed) return [...distinct.values()].slice(0, 1)
  return [...distinct.values()].sort((a, b) => compareVersions(b.hint ?? [99, 0], a.hint ?? [99, 0]))
}

/** `python3.12` means that minor version; `python3`, `python` and nothing mean any; another name means itself. */
function nameFilter(python: string | undefined): (name: string) => boolean {
  const usual = /^python(3(\.\d+)?)?$/
  if (python === undefined || python === 'python' || python === 'python3') return (name) => usual.test(name)
  if (versionRequest(python) !== undefined) return (name) => usual.test(name)
  return (name) => name === python
}

function pythonsIn(directory: string, isWanted: (name: string) => boolean): string[] {
  // A shim starts whatever the working directory says, slowly; what is behind it is found in pyenvPythons.
  if (basename(directory) === 'shims') return []
  const names = namesIn(directory)
  return names.filter(isWanted).map((name) => join(directory, name))
}

function pyenvPythons(directories: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const roots = directories
    .filter((directory) => basename(directory) === 'shims')
    .map((directory) => dirname(directory))
  if (env.PYENV_ROOT !== undefined) roots.push(env.PYENV_ROOT)
  const lists = [...new Set(roots)].flatMap((root) => [join(root, 'versions'), join(root, 'installs', 'python')])
  return lists.flatMap(installed)
}

function uvPythons(env: NodeJS.ProcessEnv): string[] {
  const home = env.HOME ?? homedir()
  const names = installed(
    env.UV_PYTHON_INSTALL_DIR ?? join(env.XDG_DATA_HOME ?? join(home, '.local', 'share'), 'uv', 'python'),
  )
  return names.filter((name) => basename(dirname(dirname(name))).startsWith('cpython-'))
}

function installed(directory: string): string[] {
  const names = namesIn(directory)
  return names.filter((name) => !name.startsWith('.')).map((name) => join(directory, name, 'bin', 'python'))
}

/** Synchronous: a look at a file that is cached takes microseconds, a turn through the thread pool a hundred. */
function candidateOf(path: string): Candidate | undefined {
  try {
    const real = realpathSync.native(path)
    const { mtimeMs, size, mode } = statSync(real)
    if ((mode & 0o111) === 0 || (mode & 0o170000) !== 0o100000) return undefined
    return { path: real, mtimeMs, size, hint: hintOf(real) ?? hintOf(path) }
  } catch {
    return undefined
  }
}

function hintOf(path: string): readonly [number, number] | undefined {
  const match =
    /\/python(\d+)\.(\d+)t?$/.exec(path) ?? /\/(?:cpython-)?(\d+)\.(\d+)(?:\.\d+)?[^/]*\/bin\/python3?$/.exec(path)
  return match === null ? undefined : [Number(match[1]), Number(match[2])]
}

function noInterpreter(
  request: InterpreterRequest,
  seen: readonly { path: string; version: string }[],
  broken: readonly { path: string; failure: string }[],
): PythonEnvError {
  const minimum = minimumPython.slice(0, 2).join('.')
  const newEnough = seen.filter(({ version }) => compareVersions(parseVersion(version) ?? [0], minimumPython) >= 0)
  const wanted = request.python === undefined ? `Python ${minimum} or newer` : `The Python "${request.python}"`
  const found = seen.map(({ version, path }) => `${version} (${path})`).join(', ')
  const context = { python: request.python, requires: request.requires, found: seen, broken }
  if (newEnough.length > 0) {
    const { requires, python } = request
    const wishes = [
      ...(python === undefined ? [] : [`"python" is ${python}`]),
      ...(requires === undefined ? [] : [`${requires.file} requires ${requires.specifiers}`]),
    ]
    const why = wishes.length === 0 ? 'a final release of CPython is needed' : wishes.join(' and ')
    const hint = 'Install a Python that does, or name one with "python".'
    return new PythonEnvError('ENV_PYTHON_UNSATISFIED', `No Python fits: ${why}, and there is ${found}. ${hint}`, {
      context: { ...context, hint },
    })
  }
  if (seen.length > 0) {
    const hint = `Install Python ${minimum} or newer, or name one with "python".`
    return new PythonEnvError('ENV_PYTHON_TOO_OLD', `Python is too old: there is only ${found}. ${hint}`, {
      context: { ...context, hint },
    })
  }
  const failures = broken.map(({ path, failure }) => ` ${path} does not run: ${failure}.`).join('')
  const hint = `Install Python ${minimum} or newer and see that it is on PATH, or give its path as "python".`
  return new PythonEnvError('ENV_PYTHON_NOT_FOUND', `${wanted} was not found.${failures} ${hint}`, {
    context: { ...context, hint },
  })
}
