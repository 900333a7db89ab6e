/**
 * Owns the guards of provisioning: small Python processes that end what Node cannot end, and remove what it had half made, when
 * Node is killed. One stands between Node and each command, one over the directory of a whole build. command.ts runs the former.
 *
 * Node holds a guard's standard input. End of file there, for whatever reason, means: kill all, remove, exit.
 */
import { execa } from 'execa'
import { guardFile } from './wheel.ts'

export interface Guard {
  /** The interpreter that runs the guard. Absolute. */
  python: string
  /** A directory that is removed where the command is ended from outside. */
  remove?: string | undefined
}

/** The command line that runs `argv` under the guard. */
export function guarded(guard: Guard, argv: readonly string[]): string[] {
  const remove = guard.remove === undefined ? [] : ['--remove', guard.remove]
  return [guard.python, '-I', '-S', guardFile(), ...remove, '--', ...argv]
}

const removal = `
import os, shutil, sys
if not sys.stdin.read():
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    try:
        os.rmdir(os.path.dirname(sys.argv[1]))
    except OSError:
        pass
`

/**
 * Sees to it that the directory is removed when this process dies, also between two commands. Call it before the directory is
 * made. The returned function ends the watch and leaves the directory alone.
 */
export function watchDirectory(python: string, directory: string, env: NodeJS.ProcessEnv): () => Promise<void> {
  const watcher = execa(python, ['-I', '-S', '-c', removal, directory], {
    env,
    extendEnv: false,
    cwd: '/',
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
    buffer: false,
    reject: false,
    detached: true,
  })
  watcher.stdin.on('error', () => {})
  return async () => {
    watcher.stdin.end('keep')
    await watcher
  }
}
