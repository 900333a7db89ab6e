/**
 * Owns one run of one command: its output, bounded and without secrets, and its end, together with everything it started.
 * Does not judge what came out; that is failures.ts.
 */
import type { Readable } from 'node:stream'
import { execa } from 'execa'
import { isOutOfFiles } from '../descriptors.ts'
import { type Guard, guarded } from './guard.ts'

export interface Command {
  argv: readonly [string, ...string[]]
  /** Absolute. */
  cwd: string
  /** The whole environment; nothing is added. */
  env: NodeJS.ProcessEnv
  signal?: AbortSignal | undefined
  /** Ends the command after so many milliseconds. Default: no limit. */
  timeoutMs?: number | undefined
  /** Where given, the command ends also when this process is killed. */
  guard?: Guard | undefined
  /** Each line of both streams as it comes, cleaned. */
  onLine?: ((line: string) => void) | undefined
}

export interface CommandResult {
  /** Undefined where the command could not be started or was killed by a signal. */
  exitCode: number | undefined
  /** The last lines of both streams in the order they came, oldest first, without control characters and credentials. */
  lines: readonly string[]
  /** Why it could not be started, for example `spawn uv ENOENT`. */
  startFailure?: string | undefined
  isTimedOut: boolean
}

/** Runs a command to its end. Resolves also where it fails; rejects with the reason of an aborted signal, or where Node has no descriptor left. */
export type CommandRunner = (command: Command) => Promise<CommandResult>

const maxLineLength = 16_384
const maxLines = 1_000
/** How long the guard may take to end everything before it is killed itself. */
const guardGraceMs = 5_000

export const runCommand: CommandRunner = async (command) => {
  command.signal?.throwIfAborted()
  const [file = '', ...args] = command.guard === undefined ? command.argv : guarded(command.guard, command.argv)
  const subprocess = execa(file, args, {
    cwd: command.cwd,
    env: command.env,
    extendEnv: false,
    stdin: command.guard === undefined ? 'ignore' : 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    reject: false,
    // A group of its own: Ctrl-C in a terminal reaches Node alone, and Node ends the whole group.
    detached: true,
  })
  const lines: string[] = []
  const onLine = (line: string) => {
    lines.push(line)
    if (lines.length > 2 * maxLines) lines.splice(0, maxLines)
    command.onLine?.(line)
  }
  splitLines(subprocess.stdout, onLine)
  splitLines(subprocess.stderr, onLine)

  let isTimedOut = false
  let grace: NodeJS.Timeout | undefined
  const killGroup = () => {
    try {
      if (subprocess.pid !== undefined) process.kill(-subprocess.pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
  }
  const end = () => {
    if (command.guard === undefined) return killGroup()
    subprocess.stdin?.end()
    grace = setTimeout(killGroup, guardGraceMs)
  }
  subprocess.stdin?.on('error', () => {})
  const timer =
    command.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          isTimedOut = true
          end()
        }, command.timeoutMs)
  command.signal?.addEventListener('abort', end, { once: true })
  const result = await subprocess
  command.signal?.removeEventListener('abort', end)
  clearTimeout(timer)
  clearTimeout(grace)
  command.signal?.throwIfAborted()
  const hasStarted = subprocess.pid !== undefined
  if (!hasStarted && isOutOfFiles(result)) throw result
  return {
    // The guard that was told to end says 0.
    exitCode: isTimedOut ? undefined : result.exitCode,
    lines: lines.slice(-maxLines),
    isTimedOut,
    ...(hasStarted ? {} : { startFailure: result.originalMessage ?? result.shortMessage ?? 'could not be started' }),
  }
}

function splitLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  const flush = (line: string) => onLine(clean(line.slice(0, maxLineLength)))
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const parts = (rest + chunk).split(/\r?\n|\r/)
    rest = (parts.pop() ?? '').slice(0, maxLineLength)
    for (const part of parts) flush(part)
  })
  stream.on('end', () => {
    if (rest !== '') flush(rest)
  })
  stream.on('error', () => {})
}

/** Strips what a terminal would obey, and what nobody should read: credentials in URLs. */
export function clean(line: string): string {
  return (
    line
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
      .replace(/(\w:\/\/)[^\s/@'"`]+@/g, '$1***@')
      .replace(/([?&](?:access_token|token|key|password|secret|sig|signature)=)[^&\s'"`]+/gi, '$1***')
      .trimEnd()
  )
}
