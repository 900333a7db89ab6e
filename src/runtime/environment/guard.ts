/**
 * Owns the guards of provisioning: small Python processes that end what Node cannot end, and remove what it had half made, when
 * Node is killed. One stands between Node and each command, one over the directory of a whole build. command.ts runs the former.
 *
 * Node holds a guard's standard input. End of file there, for whatever reason, means: kill all, remove, exit.
 */
import { execa } from 'execa'

const source = `
import os, shutil, signal, sys, threading
remove, argv = sys.argv[1], sys.argv[2:]
try:
    import ctypes
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
except Exception:
    prctl = None
if prctl:
    prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: what the command orphans becomes ours
guard = os.getpid()
child = os.fork()
if child == 0:
    os.setsid()
    if prctl:
        prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG
        if os.getppid() != guard:
            os._exit(137)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(2, ("%s: %s\\n" % (argv[0], error.strerror)).encode())
    os._exit(127)

def children():
    if sys.platform != "linux":
        return
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as file:
                    if int(file.read().rpartition(")")[2].split()[1]) == guard:
                        yield int(name)
            except OSError:
                pass

def kill(function, pid):
    try:
        function(pid, signal.SIGKILL)
    except OSError:
        pass

def watch():
    global ended
    while os.read(0, 64):
        pass
    ended = True
    if status is None:
        kill(os.killpg, child)

ended, status = False, None
threading.Thread(target=watch, daemon=True).start()
while status is None:
    pid, code = os.waitpid(-1, 0)
    if pid == child:
        status = code
kill(os.killpg, child)
try:
    while True:
        for pid in children():
            kill(os.kill, pid)
        os.waitpid(-1, 0)
except ChildProcessError:
    pass
if ended and remove:
    shutil.rmtree(remove, ignore_errors=True)
    try:
        os.rmdir(os.path.dirname(remove))  # only where nothing else is in it
    except OSError:
        pass
os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
`

export interface Guard {
  /** The interpreter that runs the guard. Absolute. */
  python: string
  /** A directory that is removed where the command is ended from outside. */
  remove?: string | undefined
}

/** The command line that runs `argv` under the guard. */
export function guarded(guard: Guard, argv: readonly string[]): string[] {
  return [guard.python, '-I', '-S', '-c', source, guard.remove ?? '', ...argv]
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
