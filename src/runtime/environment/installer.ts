/**
 * Owns how one environment is filled: the commands of uv, or of venv and pip, in order, and what is read from their output.
 * Where it is built and whether it counts is decided in store.ts.
 *
 * axon_agent's wheel and the user's requirements go into one command: they are resolved together, or fail together.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command, CommandResult } from './command.ts'
import { commandFailure, fromVerdict, venvUnavailable } from './failures.ts'
import type { Interpreter } from './interpreters.ts'
import type { ReportProgress } from './progress.ts'
import type { Source } from './sources.ts'
import type { Wheel } from './wheel.ts'

export interface InstallOptions {
  /** The builder's directory: `venv` is made in it, `tmp` is there. Absolute. */
  build: string
  interpreter: Interpreter
  source: Source
  wheel: Wheel
  cwd: string
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
  } else from.push(...(await listed(options)))
  const argv = ['pip', 'install', '--compile-bytecode', '--python', join(venv, 'bin', 'python'), ...from, wheel.path]
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
  const from = [...source.files.flatMap((file) => ['-r', file]), ...(await listed(options))]
  let collected = 0
  await step(options, [python, '-m', 'pip', 'install', '--no-compile', ...from, wheel.path], (line) => {
    if (/^\s*(Collecting|Processing) /.test(line)) {
      collected++
      // How many there will be is not known before the end, so the bar nears it without reaching it.
      report('resolve', `Resolving: ${collected} packages so far`, 1 - 1 / (1 + collected / 10))
    }
    const packages = /^Installing collected packages: (.*)$/.exec(line)?.[1]
    if (packages !== undefined) report('install', `Installing ${packages.split(',').length} packages`, 0.5)
  })
  report('compile', 'Compiling to bytecode')
  // Files that do not compile here (templates, code for other versions) are usual and no failure.
  await options.run([python, '-m', 'compileall', '-q', '-q', '-j', '0', join(venv, 'lib')], guarded(options))
}

/** Requirements that stand in the source itself, and a lock's as pip understands it. */
async function listed({ build, source }: InstallOptions): Promise<string[]> {
  if (source.lock === undefined) return [...source.requirements]
  const { requirements, constraints } = source.lock.read()
  const requirementsFile = join(build, 'tmp', 'requirements.txt')
  const constraintsFile = join(build, 'tmp', 'constraints.txt')
  await writeFile(requirementsFile, `${requirements.join('\n')}\n`)
  await writeFile(constraintsFile, `${constraints.join('\n')}\n`)
  return ['-r', requirementsFile, '-c', constraintsFile]
}

async function step(options: InstallOptions, argv: Command['argv'], onLine?: (line: string) => void): Promise<void> {
  const result = await options.run(argv, { ...guarded(options), onLine })
  if (result.exitCode === 0) return
  throw commandFailure({
    argv,
    result,
    version: options.interpreter.facts.version,
    source: options.source.label,
    context: options.context,
  })
}

function guarded({ build, interpreter, env }: InstallOptions): Partial<Command> {
  return { guard: { python: interpreter.path, remove: build }, env: { ...env, TMPDIR: join(build, 'tmp') } }
}
