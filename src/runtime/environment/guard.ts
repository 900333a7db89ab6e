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

/**
 * A build that complete.json names is finished, though Node did not live to say so. A command that is being ended at the same time
 * may still write: so it is looked at more than once.
 */
const removal = `
import sys
if not sys.stdin.read():
    import json, os, shutil, time
    directory = sys.argv[1]
    above, name = os.path.split(directory)
    try:
        with open(os.path.join(above, "complete.json")) as file:
            is_finished = json.load(file)["build"] == name
    except (OSError, ValueError, LookupError, TypeError):
        is_finished = False
    for _ in range(0 if is_finished else 20):
        shutil.rmtree(directory, ignore_errors=True)
        try:
            os.rmdir(above)
        except FileNotFoundError:
            break
        except OSError:
            pass
        time.sleep(0.02)
`

/**
 * Sees to it that the directory, and the one above it where that is empty then, is removed when this process dies, also between
 * two commands. Call it before the directory is made. The returned function ends the watch and leaves the directory alone.
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
