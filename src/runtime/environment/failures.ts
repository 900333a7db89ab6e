/**
 * Owns what a failed command or system call means to a person: output of uv, pip and venv in, PythonEnvError out.
 */
import { PythonEnvError } from '../../errors.ts'
import { isOutOfFiles, outOfFilesHint } from '../descriptors.ts'
import type { CommandResult } from './command.ts'
import { fromIndex } from './index-failures.ts'

export interface FailedCommand {
  argv: readonly string[]
  result: Pick<CommandResult, 'exitCode' | 'lines' | 'startFailure' | 'isTimedOut'>
  /** The interpreter's version, for hints. */
  version?: string | undefined
  /** Where the requirements came from, for a person. */
  source?: string | undefined
  /** Facts for the error's context. */
  context?: Record<string, unknown> | undefined
}

export interface Verdict {
  code: PythonEnvError['code']
  message: string
  hint: string
  isRetryable?: boolean
}

/** How many of the last lines go into the error. */
const keptLines = 40

export function commandFailure(failed: FailedCommand): PythonEnvError {
  const text = failed.result.lines.join('\n')
  const verdict = classify(text, failed)
  return new PythonEnvError(verdict.code, `${verdict.message} ${verdict.hint}`, {
    retryable: verdict.isRetryable,
    context: {
      ...failed.context,
      command: shownCommand(failed.argv),
      exitCode: failed.result.exitCode ?? null,
      output: failed.result.lines.slice(-keptLines).map((line) => line.slice(0, 500)),
      hint: verdict.hint,
    },
  })
}

function classify(text: string, failed: FailedCommand): Verdict {
  return (
    fromSystem(text, failed) ??
    fromVenv(text, failed) ??
    fromIndex(text) ??
    fromInput(text, failed) ??
    fromResolution(text, failed) ??
    unknown(text, failed)
  )
}

function fromSystem(text: string, failed: FailedCommand): Verdict | undefined {
  if (/No space left on device|ENOSPC|\[Errno 28\]|os error 28|Disk quota exceeded/.test(text)) return diskFull
  const denied = /(?:Permission denied|Read-only file system|\[Errno (?:13|30)\]|os error (?:13|30))/.exec(text)
  if (denied !== null) {
    const path =
      /Permission denied[^\n]*?: ['"`]?(\/[^'"`\n)]+)|[`'"](\/[^'"`\n]+)[`'"][^\n]*(?:Permission denied|os error 13)/.exec(
        text,
      )
    const where = path?.[1] ?? path?.[2]
    return {
      code: 'ENV_PERMISSION',
      message: `The environment could not be made: permission denied${where === undefined ? '' : ` for ${where}`}.`,
      hint: 'Let this user write there, or set "cacheDir" to a directory that it may write to.',
    }
  }
  if (failed.result.startFailure !== undefined) {
    return {
      code: 'ENV_INSTALL_FAILED',
      message: `${failed.argv[0]} could not be started: ${failed.result.startFailure}.`,
      hint: 'Check that the file exists and may be run.',
    }
  }
  return undefined
}

const diskFull: Verdict = {
  code: 'ENV_DISK_FULL',
  message: 'The environment could not be made: the disk is full.',
  hint: 'Free some space, or set "cacheDir" (and the cache directories of uv and pip) to a larger disk.',
}

function fromVenv(text: string, { version = '3' }: FailedCommand): Verdict | undefined {
  if (!/No module named '?"?(?:venv|ensurepip)\b|ensurepip is not\s+available/.test(text)) return undefined
  return venvUnavailable(version)
}

export function venvUnavailable(version: string): Verdict {
  const minor = version.split('.').slice(0, 2).join('.')
  return {
    code: 'ENV_VENV_UNAVAILABLE',
    message: `Python ${version} cannot make environments: its venv or ensurepip module is missing.`,
    hint: `On Debian and Ubuntu: apt install python${minor}-venv (or python3-venv). Elsewhere install uv, or a complete Python.`,
  }
}

function fromInput(text: string, { source }: FailedCommand): Verdict | undefined {
  const fault =
    /ERROR: (Invalid requirement: [^\n]*)|ERROR: (Could not open requirements file: [^\n]*)|error: (Couldn't parse requirement[^\n]*(?:\n +cause: [^\n]*)?)|error: (Failed to parse: [^\n]*(?:\n +cause: [^\n]*)?)|error: (File not found: [^\n]*)|error: (Distribution not found at: [^\n]*)|error: (Failed to parse (?:`uv\.lock`|lockfile)[^\n]*(?:\n[^\n]*){0,2})|error: (Unable to find lockfile[^\n]*)|ERROR: (Constraints cannot [^\n]*)|error: ((?:Error|Failed)[^\n]* (?:parse|parsing) [^\n]*)/.exec(
      text,
    )
  if (fault === null) return undefined
  const why = fault.slice(1).find((group) => group !== undefined) ?? ''
  return {
    code: 'ENV_SOURCE_INVALID',
    message: `The requirements${source === undefined ? '' : ` of ${source}`} cannot be read: ${flat(why)}.`,
    hint: 'Correct them and try again.',
  }
}

function fromResolution(text: string, failed: FailedCommand): Verdict | undefined {
  const absent =
    /Because (?:there are no versions of )?([A-Za-z0-9._-]+) was not found in (?:the package registry|the provided package locations|the cache)/.exec(
      text,
    )?.[1] ?? /Because there are no versions of ([A-Za-z0-9._-]+) and/.exec(text)?.[1]
  if (absent !== undefined) return notFound(absent, failed)
  if (/ResolutionImpossible|conflicting dependencies|The conflict is caused by/.test(text)) return pipConflict(text)
  const solution = /No solution found when resolving[^\n]*\n([\s\S]*)/.exec(text)?.[1]
  if (solution !== undefined) return uvConflict(solution, failed)
  const none = /No matching distribution found for ([^\n]+)/.exec(text)?.[1]
  if (none === undefined) return undefined
  const isPython = text.includes('Requires-Python')
  const hasVersions = /\(from versions: (?!none)[^)]+\)/.test(text)
  if (hasVersions || isPython) return noVersion(flat(none), isPython, failed.version)
  return notFound(flat(none), failed)
}

function notFound(name: string, { source }: FailedCommand): Verdict {
  return {
    code: 'ENV_PACKAGE_NOT_FOUND',
    message: `The package ${name} does not exist in the package index.`,
    hint: `Check its spelling${source === undefined ? '' : ` in ${source}`}, and the index that uv or pip is configured with.`,
  }
}

function noVersion(requirement: string, isPython: boolean, version = ''): Verdict {
  return {
    code: 'ENV_PACKAGE_NOT_FOUND',
    message: `No version of the package fits ${requirement}${isPython ? ` on Python ${version}` : ''}.`,
    hint: isPython ? 'Choose another version, or another Python with "python".' : 'Choose a version that exists.',
  }
}

function pipConflict(text: string): Verdict {
  const sides = [
    ...text.matchAll(/^ +(The user requested (?:\(constraint\) )?[^\n]+|[^\n]+? depends on [^\n]+)$/gm),
  ].map((match) => (match[1] ?? '').trim())
  const requested = sides.filter((side) => side.startsWith('The user'))
  const depending = sides.filter((side) => !side.startsWith('The user'))
  const both = [...new Set([...requested.slice(0, 2), ...depending.slice(0, requested.length === 0 ? 2 : 1)])].slice(
    0,
    3,
  )
  const named = both.length > 0 ? both : [/Cannot install [^\n]*/.exec(text)?.[0].slice(0, 300) ?? 'see the output']
  return conflict(
    named.map((side) => side.replace(/^The user requested (\(constraint\) )?/, 'you require ')).join('; '),
  )
}

function uvConflict(solution: string, { version }: FailedCommand): Verdict {
  const why = flat(solution.replace(/^\s*cause:/, '').split(/\n\s*hint:/)[0] ?? '')
  const required = / you require ([^\s,]+),? we can conclude that your requirements are unsatisfiable\.?$/.exec(
    why,
  )?.[1]
  const isPython = /^Because the (?:current|requested) Python version/.test(why)
  if (
    required !== undefined &&
    (isPython || /^Because (?:there is no version of|only \S+ (?:is|are) available)/.test(why))
  ) {
    return noVersion(required, isPython, version)
  }
  const sentences = why.split(/(?<=\.) /)
  const told = why.length <= 600 ? why : [sentences[0], sentences.at(-1)].join(' … ').slice(-600)
  return conflict(told.replace(/\.$/, ''))
}

function conflict(sides: string): Verdict {
  return {
    code: 'ENV_CONFLICT',
    message: `The requirements conflict: ${sides}.`,
    hint: 'Loosen one side. axon_agent and its dependencies share the environment with yours.',
  }
}

export function buildForbidden(requirements: readonly string[]): Verdict {
  return {
    code: 'ENV_INSTALL_FAILED',
    message: `Nothing may be built (noBuild), and there is no wheel of ${requirements.join(', ')}.`,
    hint: 'Build a wheel of it elsewhere and require that, or leave noBuild out.',
  }
}

function unknown(text: string, { argv, result }: FailedCommand): Verdict {
  const last = result.lines.findLast((line) => /error|fail/i.test(line)) ?? result.lines.at(-1) ?? 'it said nothing'
  const build = /Failed to build|subprocess-exited-with-error|metadata-generation-failed|Failed building wheel/.test(
    text,
  )
  const how = result.isTimedOut
    ? 'took too long'
    : result.exitCode === undefined
      ? 'was killed'
      : `ended with ${result.exitCode}`
  return {
    code: 'ENV_INSTALL_FAILED',
    message: `The environment could not be made: ${commandName(argv)} ${how}: ${flat(last).slice(0, 300).replace(/\.$/, '')}.`,
    hint: build
      ? 'A package has to be compiled here: install what it needs, or choose a version with a wheel for this Python.'
      : 'The last lines of its output are in context.output.',
  }
}

function commandName(argv: readonly string[]): string {
  return shownCommand(argv).split(' ').slice(0, 4).join(' ')
}

/** Shell-like, for a person to try. */
function shownCommand(argv: readonly string[]): string {
  return argv.map((arg) => (/^[\w@%+=:,./~[\]-]+$/.test(arg) ? arg : `'${arg.replace(/'/g, "'\\''")}'`)).join(' ')
}

function flat(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

const outOfFiles: Verdict = {
  code: 'ENV_OUT_OF_FILES',
  message: 'The environment could not be looked at or made: this Node has no file descriptor left.',
  hint: outOfFilesHint,
}

/** What a failed call of the system means, or undefined where it is no such failure. */
export function systemFailure(error: unknown): PythonEnvError | undefined {
  const { code, path, syscall } = (error ?? {}) as NodeJS.ErrnoException
  if (isOutOfFiles(error)) return fromVerdict(outOfFiles, { path, syscall }, error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return fromVerdict(diskFull, { path, syscall }, error)
  if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') return undefined
  const verdict: Verdict = {
    code: 'ENV_PERMISSION',
    message: `The environment could not be made: permission denied for ${path ?? 'a file'}.`,
    hint: 'Let this user write there, or set "cacheDir" to a directory that it may write to.',
  }
  return fromVerdict(verdict, { path, syscall }, error)
}

export function fromVerdict(verdict: Verdict, context: Record<string, unknown>, cause?: unknown): PythonEnvError {
  return new PythonEnvError(verdict.code, `${verdict.message} ${verdict.hint}`, {
    retryable: verdict.isRetryable,
    context: { ...context, hint: verdict.hint },
    cause,
  })
}
