"""Owns the guard: the small process between Node and all that is started below it. Knows no agents and no frames.

`python -m axon_agent.guard [--remove DIRECTORY] -- command argument…` runs one command under the same regime. So does
the file itself, `python guard.py`: it imports nothing but a little of the standard library.

1. The guard has exited: nothing that was started below it is left, daemons included (Linux).
2. The lifeline, Node's pipe on standard input, is watched and never read.
3. The guard ends with the status of its child, with 0 when the lifeline ended, with 128 + n after a signal n.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import sys
import time

try:
    import ctypes
except ImportError:  # an interpreter built without libffi: process groups only, as on macOS
    ctypes = None  # type: ignore[assignment]

TYPE_CHECKING = False  # typing's own constant would load typing
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

IS_LINUX = sys.platform == "linux" and ctypes is not None
HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)
"""What poll tells of a pipe or a socket whose other end has ended, whatever may still be read."""

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_LONGEST_PAUSE = 0.05


def main() -> NoReturn:
    """Runs a command under a guard."""
    arguments, remove = sys.argv[1:], ""
    if arguments[:1] == ["--remove"]:
        remove, arguments = arguments[1], arguments[2:]
    if len(arguments) < 2 or arguments[0] != "--":
        os.write(2, b"usage: guard.py [--remove DIRECTORY] -- command argument...\n")
        os._exit(2)
    fork_below(remove=remove)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored stays so beyond exec
    try:
        os.execvp(arguments[1], arguments[1:])
    except OSError as error:
        os.write(2, f"{arguments[1]}: {error.strerror}\n".encode())
    os._exit(127)


def fork_below(
    lifeline: int = 0, remove: str = "", runtime: Sequence[str] = (), after: Callable[[], object] = int
) -> None:
    """Forks. The parent stays here as the guard; the child returns. What of `runtime` is a runtime directory is removed
    when the lifeline ends; `remove` goes where the child is ended from outside; `after` is called when nothing is left.
    """
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        die_with_parent(guard)
        return
    _Guard(child, lifeline, remove, runtime, after).stand()


def prctl(option: int, value: int | bytes) -> None:
    """Linux's prctl; nothing elsewhere."""
    if IS_LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """The kernel sends the signal when the parent ends. A parent that has ended meanwhile ends this process now."""
    prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Makes this process the parent of all descendants whose own parent ends."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_name(name: str) -> None:
    """Names the process for `ps` and `top`: 15 bytes."""
    prctl(_PR_SET_NAME, name.encode()[:15])


def descendants(root: int) -> list[int]:
    """Every process below `root`, zombies too: threads of theirs may live. Empty without /proc."""
    below: dict[int, list[int]] = {}
    for pid, parent in _processes():
        below.setdefault(parent, []).append(pid)
    found = [root]
    for pid in found:
        found += below.get(pid, [])
    return found[1:]


def children(parent: int) -> list[int]:
    """The children of a process, zombies included. Empty without /proc."""
    try:
        with open(f"/proc/{parent}/task/{parent}/children", "rb", 0) as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return [pid for pid, above in _processes() if above == parent]


def start_time(pid: int) -> str | None:
    """Field 22 of /proc/[pid]/stat: with it a process is told from a later one of the same number."""
    fields = _stat(pid)
    return fields[19].decode() if len(fields) > 19 else None


def has_ended(pid: int) -> bool:
    """Whether a child has ended, or its first thread has and all others are about to. False without /proc."""
    return _stat(pid)[:1] in ([b"Z"], [b"X"])


def _stat(pid: int) -> list[bytes]:
    """What /proc/[pid]/stat says after the name, from field 3 on. Empty where it says nothing."""
    try:
        with open(f"/proc/{pid}/stat", "rb", 0) as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Sends a signal; a process that has gone is no error."""
    try:  # noqa: SIM105 - contextlib is not loaded here
        os.kill(pid, number)
    except OSError:
        pass


def kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    """Sends a signal to the group that `pid` leads, or to `pid` alone while it does not lead one yet."""
    try:
        os.killpg(pid, number)
    except OSError:
        kill(pid, number)


def is_hung_up(descriptor: int) -> bool:
    """Whether the other end of a pipe or socket has ended."""
    poll = select.poll()
    poll.register(descriptor, HUNG_UP)
    return bool(poll.poll(0))


def wake_on(numbers: list[signal.Signals]) -> tuple[int, list[int]]:
    """A descriptor on which the number of each of these signals can be read, a byte each; and all it has opened."""
    wake, write = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return wake, [wake, write]


class _Guard:
    def __init__(
        self, child: int, lifeline: int, remove: str, runtime: Sequence[str], after: Callable[[], object]
    ) -> None:
        self._child = child
        self._lifeline = lifeline
        self._remove = remove
        self._runtime = runtime
        self._after = after
        self._status: int | None = None
        self._signal = 0
        self._wake, _ = wake_on([signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])

    def stand(self) -> NoReturn:
        """Waits for the end of the child or of the lifeline, leaves nothing, and exits."""
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)  # the end of the output is the child's to tell
        if (is_gone := self._watch()) and not IS_LINUX:
            self._wait(1.0)  # the child sees the end as well, and alone knows what it has started
        self._sweep()
        self._after()
        if is_gone or is_hung_up(self._lifeline):
            for path in self._runtime:
                _remove_runtime(path)
        if self._remove and (is_gone or self._signal):
            _remove_tree(self._remove)
        os._exit(0 if is_gone else 128 + self._signal if self._signal else exit_code(self._status))

    def _watch(self) -> bool:
        """Whether it was the lifeline that ended."""
        poll = select.poll()
        poll.register(self._lifeline, HUNG_UP)
        poll.register(self._wake, select.POLLIN)
        self._reap()
        while self._status is None and not self._signal:
            for descriptor, _ in poll.poll():
                if descriptor == self._lifeline:
                    return True
                self._signal = max(n if n != signal.SIGCHLD else 0 for n in os.read(self._wake, 64))
                self._reap()
        return False

    def _reap(self) -> bool:
        """Takes the status of every child that has ended; False when there is no child any more."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._child:
                    self._status = status
        except ChildProcessError:
            return False

    def _sweep(self) -> None:
        # No child left, in a process that is given all orphans, is the proof; the walk alone is not.
        me = os.getpid()
        pause = 0.001
        while True:
            for pid in descendants(me):
                kill(pid)
            if self._status is None:
                kill_group(self._child)
            if not self._reap():
                return
            self._wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _wait(self, seconds: float) -> None:
        """Until a child has ended, or so long."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        until = time.monotonic() + seconds
        while poll.poll(max(0.0, until - time.monotonic()) * 1000):
            if signal.SIGCHLD in os.read(self._wake, 64):
                return


def exit_code(status: int | None) -> int:
    """The exit code that stands for a status of waitpid: 128 + n for a signal n."""
    if status is None:
        return 1
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _processes() -> list[tuple[int, int]]:
    """Each process that /proc shows, and its parent."""
    found = []
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb", 0) as file:
                    found.append((int(name), int(file.read().rpartition(b")")[2].split(None, 2)[1])))
            except (OSError, ValueError, IndexError):
                continue
    return found


def _remove_runtime(path: str) -> None:
    """Removes the directory if it is one that Axon has made: ours, private, called axon-…, and no link."""
    try:
        seen = os.lstat(path)
    except OSError:
        return
    # Below a directory that has it, a new one has the set-group-ID bit as well.
    is_private = stat.S_ISDIR(seen.st_mode) and seen.st_mode & 0o777 == 0o700 and seen.st_uid == os.geteuid()
    if is_private and os.path.isabs(path) and os.path.basename(path).startswith("axon-"):
        _remove_tree(path)


def _remove_tree(path: str) -> None:
    import shutil  # noqa: PLC0415 - 1 MB that is needed at the very end only

    shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
