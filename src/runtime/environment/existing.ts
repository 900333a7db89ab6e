/**
 * Owns the check of an environment that the user made: whether axon_agent and all it needs is in it. Never changes it.
 *
 * axon_agent must be installed in it. What was found is remembered for as long as neither its interpreter nor its list of
 * packages changes, so that a check starts a process only after a change.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { PythonEnvError } from '../../errors.ts'
import type { Command, CommandResult } from './command.ts'
import { fingerprintOf } from './fingerprint.ts'
import { minimumPython } from './interpreters.ts'
import { compareVersions, parseVersion } from './requires-python.ts'
import type { Wheel } from './wheel.ts'

export interface ExistingEnvironment {
  root: string
  python: string
  version: string
  fingerprint: string
}

export interface ExistingOptions {
  cacheDir: string
  wheel: Wheel
  /** uv's path or name, for the command that an error suggests. */
  hasUv: boolean
  run: (argv: Command['argv'], options?: Partial<Command>) => Promise<CommandResult>
}

const factsSchema = z.object({
  version: z.string(),
  /** Directories whose change means that packages changed. */
  paths: z.array(z.string()),
  /** Each a sentence's object, for example `fastapi>=0.100 (0.50 is installed)`. */
  missing: z.array(z.string()),
  hasPip: z.boolean(),
})
const recordSchema = z.object({ format: z.literal(1), key: z.string(), facts: factsSchema })
type Facts = z.infer<typeof factsSchema>

// Reads requirements with whatever copy of `packaging` is there; pip carries one, and ensurepip carries pip.
const script = `
import glob, importlib.metadata as metadata, importlib.util, json, os, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
text = wheel.read(next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))).decode()
import email.parser
head = email.parser.Parser().parsestr(text)
has_pip = importlib.util.find_spec("pip") is not None
Requirement = None
for name in ("packaging", "pip._vendor.packaging", "setuptools._vendor.packaging", None):
    try:
        if name is None:
            import ensurepip
            sys.path.append(glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl"))[0])
            name = "pip._vendor.packaging"
        Requirement = importlib.import_module(name + ".requirements").Requirement
        break
    except Exception:
        pass
missing, seen = [], set()
def check(text):
    if text in seen:
        return
    seen.add(text)
    if Requirement is None:
        part, _, marker = text.partition(";")
        if marker.strip():
            return
        name, wanted = __import__("re").match(r"[A-Za-z0-9._-]+", part).group(0), None
    else:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            return
        name = wanted.name
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        missing.append(text.partition(";")[0].strip())
        return
    if wanted is not None and not wanted.specifier.contains(found.version, prereleases=True):
        missing.append("%s (%s is installed)" % (text.partition(";")[0].strip(), found.version))
        return
    for line in found.requires or []:
        check(line)
check("%s==%s" % (head["Name"], head["Version"]))
for line in head.get_all("Requires-Dist") or []:
    check(line)
if not missing and importlib.util.find_spec(head["Name"].replace("-", "_")) is None:
    missing.append(head["Name"])
sys.stdout.write("\\naxon:" + json.dumps({
    "version": "%d.%d.%d" % tuple(sys.version_info[:3]),
    "paths": [p for p in sys.path if os.path.isdir(p) and p.rstrip("/").endswith(("site-packages", "dist-packages"))],
    "missing": missing,
    "hasPip": has_pip,
}) + "\\n")
`

/**
 * The directory that `python` means, where it means an environment rather than an interpreter: a directory with `bin/python`, or
 * the interpreter inside one.
 */
export async function environmentDirectory(python: string, cwd: string): Promise<string | undefined> {
  const path = resolve(cwd, python)
  const stats = await stat(path).catch(() => undefined)
  if (stats?.isDirectory()) return path
  const root = dirname(dirname(path))
  const isInside = stats !== undefined && python.includes('/') && (await exists(join(root, 'pyvenv.cfg')))
  return isInside ? root : undefined
}

/** @throws PythonEnvError ENV_PYTHON_NOT_FOUND, ENV_PYTHON_TOO_OLD, ENV_INCOMPLETE */
export async function checkExisting(root: string, options: ExistingOptions): Promise<ExistingEnvironment> {
  const python = join(root, 'bin', 'python')
  if (!(await exists(python))) {
    const hint = 'Make it (python -m venv), or give another directory or an interpreter as "python".'
    throw new PythonEnvError(
      'ENV_PYTHON_NOT_FOUND',
      `${root} is no environment: it has no bin/python that runs. ${hint}`,
      {
        context: { python, hint },
      },
    )
  }
  const recordFile = join(
    options.cacheDir,
    'existing',
    `${createHash('sha256').update(root).digest('hex').slice(0, 32)}.json`,
  )
  const known = await recall(recordFile)
  let facts = known?.facts
  let key = facts === undefined ? '' : await stateOf(python, facts.paths, options.wheel)
  if (facts === undefined || known?.key !== key || facts.missing.length > 0) {
    facts = await ask(root, python, options)
    key = await stateOf(python, facts.paths, options.wheel)
    await remember(recordFile, { format: 1, key, facts })
  }
  const version = parseVersion(facts.version)
  if (version === undefined || compareVersions(version, minimumPython) < 0) throw tooOld(root, facts.version)
  if (facts.missing.length > 0) throw incomplete(root, python, facts, options)
  return { root, python, version: facts.version, fingerprint: fingerprintOf(['existing', root, key]) }
}

async function ask(root: string, python: string, { run, wheel }: ExistingOptions): Promise<Facts> {
  const argv: Command['argv'] = [python, '-E', '-s', '-B', '-c', script, wheel.path]
  const result = await run(argv, { cwd: '/', timeoutMs: 30_000 })
  const line = result.lines.findLast((text) => text.startsWith('axon:'))
  try {
    return factsSchema.parse(JSON.parse(line?.slice('axon:'.length) ?? ''))
  } catch (cause) {
    const old = /SyntaxError|No module named '?"?importlib\.metadata|importlib/.test(result.lines.join('\n'))
    if (old) throw tooOld(root, 'older than that')
    const last = result.startFailure ?? result.lines.at(-1) ?? 'it said nothing'
    const hint = 'Make the environment again.'
    throw new PythonEnvError('ENV_PYTHON_NOT_FOUND', `The Python of ${root} does not run: ${last}. ${hint}`, {
      context: { python, exitCode: result.exitCode ?? null, output: result.lines.slice(-40), hint },
      cause,
    })
  }
}

/** Installing or removing a package changes the time of the directory it is in. */
async function stateOf(python: string, paths: readonly string[], wheel: Wheel): Promise<string> {
  const real = await realpath(python)
  const stats = await Promise.all([real, ...paths].map((path) => stat(path).catch(() => undefined)))
  const lists = await Promise.all(paths.map((path) => readdir(path).catch(() => [])))
  const packages = lists.flat().filter((name) => /\.(dist|egg)-info$/.test(name))
  const times = stats.map((entry) => `${entry?.mtimeMs}:${entry?.isFile() ? entry.size : ''}`)
  return fingerprintOf([real, ...times, ...packages.sort(), wheel.sha256])
}

function incomplete(root: string, python: string, facts: Facts, { wheel, hasUv }: ExistingOptions): PythonEnvError {
  const command =
    hasUv || !facts.hasPip
      ? `uv pip install --python ${python} ${wheel.path}`
      : `${python} -m pip install ${wheel.path}`
  const hint = `Axon does not change it. Run: ${command}`
  return new PythonEnvError('ENV_INCOMPLETE', `The environment ${root} lacks ${facts.missing.join(', ')}. ${hint}`, {
    context: { root, missing: facts.missing, command, hint },
  })
}

function tooOld(root: string, version: string): PythonEnvError {
  const minimum = minimumPython.slice(0, 2).join('.')
  const hint = `Make it again with Python ${minimum} or newer.`
  return new PythonEnvError('ENV_PYTHON_TOO_OLD', `The Python of ${root} is too old (${version}). ${hint}`, {
    context: { root, version, hint },
  })
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

async function recall(file: string): Promise<z.infer<typeof recordSchema> | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    return undefined
  }
}

/** What cannot be remembered is asked again next time: no error. */
async function remember(file: string, record: z.infer<typeof recordSchema>): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(draft, JSON.stringify(record))
    await rename(draft, file)
  } catch {
    await rm(draft, { force: true }).catch(() => {})
  }
}
