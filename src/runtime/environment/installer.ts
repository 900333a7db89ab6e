/**
 * Owns how one environment is filled: the commands of uv, or of venv and pip, in order, and what is read from their output.
 * Where it is built and whether it counts is decided in store.ts.
 *
 * axon_agent's wheel and the user's requirements go into one command: they are resolved together, or fail together.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command, CommandResult } from './command.ts'
import { buildForbidden, commandFailure, fromVerdict, venvUnavailable } from './failures.ts'
import type { Interpreter } from './interpreters.ts'
import type { LockedRequirements } from './lockfiles.ts'
import type { ReportProgress } from './progress.ts'
import { isBuilt } from './requirements.ts'
import type { Source } from './sources.ts'
import type { Wheel } from './wheel.ts'

export interface InstallOptions {
  /** The builder's directory: `venv` is made in it, `tmp` is there. Absolute. */
  build: string
  interpreter: Interpreter
  source: Source
  wheel: Wheel
  cwd: string
  /** No package's own code is run to build it: wheels only. */
  noBuild: boolean
  env: NodeJS.ProcessEnv
  run: (argv: Command['argv'], options?: Partial<Command>) => Promise<CommandResult>
  report: ReportProgress
  /** Goes into the context of every error. */
  context: Record<string, unknown>
}

/** @throws PythonEnvError */
export async function installWithUv(uv: string, options: InstallOptions): Promise<void> {
  const { build, interpreter, source, wheel, report } = options
  const venv = join(build, 'venv')
  report('create', `Creating an environment with Python ${interpreter.facts.version}`)
  await step(options, [uv, 'venv', '--no-project', '--python', interpreter.path, venv])
  report('resolve', `Resolving the requirements of ${source.label}`)
  const from: string[] = source.files.flatMap((file) => ['-r', file])
  if (source.kind === 'uv.lock') {
    const locked = join(build, 'tmp', 'locked.txt')
    const what = ['--frozen', '--no-dev', '--no-emit-project', '--no-header', '--no-annotate']
    await step(options, [uv, 'export', '--quiet', ...what, '--python', interpreter.path, '--output-file', locked])
    from.push('-r', locked)
  } else if (source.kind === 'pyproject.toml') {
    // Rather than the bare list, so that [tool.uv.sources] counts.
    from.push('-r', join(options.cwd, 'pyproject.toml'))
  } else
    from.push(...source.requirements, ...(await lockFiles(build, source.lock?.read())).flatMap((file) => ['-r', file]))
  const argv = ['pip', 'install', '--compile-bytecode', '--python', join(venv, 'bin', 'python')]
  if (options.noBuild) argv.push('--no-build')
  argv.push(...from, wheel.path)
  await step(options, [uv, ...argv], (line) => {
    const [, done, count] = /^\s*(Resolved|Prepared|Installed|Bytecode compiled) (\d+)/.exec(line) ?? []
    if (done === 'Resolved') report('install', `Installing ${count} packages`)
    if (done === 'Prepared') report('install', `Downloaded ${count} packages`, 0.7)
    if (done === 'Installed') report('compile', `Compiling ${count} packages`)
    if (done === 'Bytecode compiled') report('compile', `Compiled ${count} files`, 1)
  })
}

/** @throws PythonEnvError */
export async function installWithPip(options: InstallOptions): Promise<void> {
  const { build, interpreter, source, wheel, report } = options
  const { facts } = interpreter
  if (!facts.hasVenv || !facts.hasEnsurepip) {
    throw fromVerdict(venvUnavailable(facts.version), { ...options.context, python: interpreter.path })
  }
  const venv = join(build, 'venv')
  const python = join(venv, 'bin', 'python')
  report('create', `Creating an environment with Python ${facts.version}`)
  // In two steps, because venv keeps to itself why ensurepip failed.
  await step(options, [interpreter.path, '-m', 'venv', '--without-pip', venv])
  await step(options, [python, '-m', 'ensurepip', '--upgrade', '--default-pip'])
  report('resolve', `Resolving the requirements of ${source.label}`)
  const install: Command['argv'] = [
    python,
    '-m',
    'pip',
    'install',
    '--no-compile',
    ...(options.noBuild ? ['--only-binary', ':all:'] : []),
  ]
  let collected = 0
  const onLine = (line: string) => {
    if (/^\s*(Collecting|Processing) /.test(line)) {
      collected++
      // How many there will be is not known before the end, so the bar nears it without reaching it.
      report('resolve', `Resolving: ${collected} packages so far`, 1 - 1 / (1 + collected / 10))
    }
    const packages = /^Installing collected packages: (.*)$/.exec(line)?.[1]
    if (packages !== undefined) report('install', `Installing ${packages.split(',').length} packages`, 0.5)
  }
  const files = source.files.flatMap((file) => ['-r', file])
  const lock = source.lock?.read()
  // pip builds what is named by a place, whatever it is told.
  const built = [...source.built, ...(lock?.plain.filter(isBuilt) ?? [])]
  if (options.noBuild && built.length > 0) throw fromVerdict(buildForbidden(built), options.context)
  for (const file of await lockFiles(build, lock)) await step(options, [...install, '--no-deps', '-r', file], onLine)
  // pip takes nothing without a hash beside what has one.
  if (source.isHashed) await step(options, [...install, ...files], onLine)
  const isPinned = source.isHashed || lock !== undefined
  const rest = [...source.requirements, ...(source.isHashed ? [] : files), wheel.path]
  await step(options, [...install, ...(isPinned ? ['-c', await installed(options, python)] : []), ...rest], onLine)
  report('compile', 'Compiling to bytecode')
  // Files that do not compile here (templates, code for other versions) are usual and no failure.
  await options.run([python, '-m', 'compileall', '-q', '-q', '-j', '0', join(venv, 'lib')], guarded(options))
}

/** A lock as files of requirements: with hashes, and without, because pip checks all of a file or none. */
async function lockFiles(build: string, lock: LockedRequirements | undefined): Promise<string[]> {
  const files: string[] = []
  for (const [name, lines] of Object.entries(lock ?? {})) {
    if (lines.length === 0) continue
    const file = join(build, 'tmp', `${name}.txt`)
    await writeFile(file, `${lines.join('\n')}\n`)
    files.push(file)
  }
  return files
}

/** What is there, as a file of constraints: the rest must do with it. */
async function installed(options: InstallOptions, python: string): Promise<string> {
  const { lines } = await step(options, [python, '-m', 'pip', 'list', '--format=freeze'])
  const file = join(options.build, 'tmp', 'installed.txt')
  const tools = /^(?:pip|setuptools)==/
  await writeFile(file, lines.filter((line) => /^[\w.-]+==\S+$/.test(line) && !tools.test(line)).join('\n'))
  return file
}

async function step(
  options: InstallOptions,
  argv: Command['argv'],
  onLine?: (line: string) => void,
): Promise<CommandResult> {
  const result = await options.run(argv, { ...guarded(options), onLine })
  if (result.exitCode === 0) return result
  const lines = [...result.lines, ...(await unfetched(options, argv[0], result))]
  throw commandFailure({
    argv,
    result: { ...result, lines },
    version: options.interpreter.facts.version,
    source: options.source.label,
    context: options.context,
  })
}

/**
 * pip says of an index that answers with an error what it says of one that has no such package. So it is asked once more, for that
 * package alone, what it could not fetch.
 */
async function unfetched(options: InstallOptions, python: string, { lines }: CommandResult): Promise<string[]> {
  const isNone = lines.some((line) => line.includes('(from versions: none)'))
  const named = /^ERROR: No matching distribution found for (\S+)/m.exec(lines.join('\n'))?.[1]
  if (!isNone || named === undefined) return []
  const argv: Command['argv'] = [
    python,
    '-m',
    'pip',
    'download',
    '-vv',
    '--no-deps',
    '--dest',
    join(options.build, 'tmp'),
  ]
  const asked = await options.run([...argv, named], guarded(options))
  return asked.lines.filter((line) => line.startsWith('Could not fetch URL '))
}

function guarded({ build, interpreter, env }: InstallOptions): Partial<Command> {
  return { guard: { python: interpreter.path, remove: build }, env: { ...env, TMPDIR: join(build, 'tmp') } }
}
