"""Owns the cgroups of agents: what is set in them, what the kernel tells of them, and that none is left.

Where they may be is `cgroup_places`'s, who is given one `limits`'s. The guard loads this at its end.

1. Everything stands in one directory, `axon-<system>-<pid of the guard>`: the guard finds it without being told, and a
   later host removes that of a guard that was itself killed.
"""

from __future__ import annotations

import os
import time

from axon_agent import cgroup_places as places
from axon_agent.cgroup_places import read, write

CONTROLLERS = {"memoryMb": "memory", "processes": "pids"}
"""Which controller counts what a limit is about."""

_PREFIX = "axon-"
_REMOVE_SECONDS = 1.0
_PAUSE_SECONDS = 0.002
_MIB = 1024 * 1024


class Cgroup:
    """One agent's: a directory for each limit, the same one in v2."""

    def __init__(self) -> None:
        self.directories: dict[str, str] = {}
        self.made: set[str] = set()
        self.why: dict[str, str] = {}
        """Why a limit has none."""

    def oom_kills(self) -> int:
        """How many processes in it the kernel has killed for want of memory."""
        return _counter(_events(self.directories.get("memoryMb")) or "", "oom_kill")

    def has_filled(self) -> bool:
        """Whether its own limit was reached, rather than that of a cgroup around it."""
        directory = self.directories.get("memoryMb")
        if os.path.exists(f"{directory}/memory.events"):
            return _counter(f"{directory}/memory.events", "oom") > 0
        # v1 counts no such thing (failcnt stays 0 on newer kernels). Its peak is the limit, but for a page or so.
        peak, limit = (read(f"{directory}/memory.{name}_in_bytes").strip() for name in ("max_usage", "limit"))
        return bool(peak and limit) and int(peak) >= int(limit) - _MIB

    @property
    def kills_all(self) -> bool:
        """Whether the kernel ends all of it at once, and not only the largest process."""
        return read(f"{self.directories.get('memoryMb')}/memory.oom.group").strip() == "1"

    def remove(self) -> bool:
        """Removes it; False while something is left in it."""
        return all([_remove(directory) for directory in self.made])


class Cgroups:
    """Those of one host."""

    def __init__(self, system: str, guard: int, proc: str = "/proc/self") -> None:
        known = "".join(character for character in system if character.isalnum() or character == "-")
        self._name = f"{_PREFIX}{known[:64]}-{guard}"
        self._proc = proc
        self._parents: dict[str, str] = {}
        self._made: list[str] = []
        self._number = 0
        self._counts: str | None = None

    def make(self, generation: str, limits: dict[str, int]) -> Cgroup:
        """One for the limits among `limits` that a cgroup can hold; `why` of it has those that none can hold here."""
        cgroup = Cgroup()
        self._number += 1  # a generation's name may come again, while the last one's cgroup is being left
        name = f"{generation.replace('/', '-').replace('#', '-')}.{self._number}"
        for limit in CONTROLLERS.keys() & limits.keys():
            try:
                directory = self._directory(CONTROLLERS[limit], name)
                cgroup.made.add(directory)
                _set(directory, limit, limits[limit])
                cgroup.directories[limit] = directory
            except places.CgroupError as error:
                cgroup.why[limit] = str(error)
            except OSError as error:
                cgroup.why[limit] = f"{error.filename or 'its cgroup'}: {error.strerror}"
        return cgroup

    def oom_kills(self) -> int:
        """How many processes the kernel has killed for want of memory: in our own cgroup, else on the machine."""
        if self._counts is None:
            found = places.hierarchies(self._proc)
            directories = [found[name][0] for name in ("memory", "") if name in found]
            self._counts = next(filter(None, map(_events, directories)), "/proc/vmstat")
        return _counter(self._counts, "oom_kill")

    def close(self) -> None:
        """Removes all. What something is still left in is the guard's."""
        for directory in self._made:
            _remove_below(directory)

    def _directory(self, controller: str, name: str) -> str:
        if controller not in self._parents:
            self._parents[controller] = places.find(controller, self._proc)
        parent = self._parents[controller]
        ours = f"{parent}/{self._name}"
        if not os.path.isdir(ours):
            _sweep(parent)
            os.mkdir(ours)
            self._made.append(ours)
        if os.path.exists(f"{ours}/cgroup.subtree_control"):
            write(f"{ours}/cgroup.subtree_control", f"+{controller}")
        directory = f"{ours}/{name}"
        if not os.path.isdir(directory):
            os.mkdir(directory)
        return directory


def join(directory: str) -> None:
    """Moves this process, and with it all that it will start; `OSError` when it may not."""
    write(f"{directory}/cgroup.procs", "0")


def remove_of(guard: int, proc: str = "/proc/self") -> None:
    """Removes what the host below that guard has left. Nothing of it lives any more."""
    found = places.hierarchies(proc)
    for own, _ in [found[name] for name in ("", *CONTROLLERS.values()) if name in found]:
        for parent in (own, os.path.dirname(own)):
            for directory in _ours(parent):
                if directory.endswith(f"-{guard}"):
                    _remove_below(directory, _REMOVE_SECONDS)


def _set(directory: str, limit: str, value: int) -> None:
    if limit == "processes":
        return write(f"{directory}/pids.max", str(value))
    amount = str(value * _MIB)
    if os.path.exists(f"{directory}/memory.max"):
        write(f"{directory}/memory.max", amount)
        for name, more in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            if os.path.exists(f"{directory}/{name}"):
                write(f"{directory}/{name}", more)
        return None
    write(f"{directory}/memory.limit_in_bytes", amount)
    if os.path.exists(f"{directory}/memory.memsw.limit_in_bytes"):
        write(f"{directory}/memory.memsw.limit_in_bytes", amount)
    return None


def _sweep(parent: str) -> None:
    """Removes what is left of hosts whose guard was killed together with them. One that is in use is never empty."""
    for directory in _ours(parent):
        guard = directory.rpartition("-")[2]
        if guard.isdigit() and not os.path.exists(f"/proc/{guard}"):
            _remove_below(directory)


def _ours(parent: str) -> list[str]:
    try:
        return [f"{parent}/{name}" for name in os.listdir(parent) if name.startswith(_PREFIX)]
    except OSError:
        return []


def _remove_below(directory: str, seconds: float = 0.0) -> None:
    # A process that has been reaped may be counted in its cgroup for a moment more.
    until = time.monotonic() + seconds
    while not _remove(directory) and time.monotonic() < until:
        time.sleep(_PAUSE_SECONDS)


def _remove(directory: str) -> bool:
    """Removes a cgroup and those that were made below it; False while something is left in one."""
    try:
        for entry in list(os.scandir(directory)):
            if entry.is_dir(follow_symlinks=False):
                _remove(entry.path)
        os.rmdir(directory)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _events(directory: str | None) -> str | None:
    # `local` where there is one: what is killed in a cgroup further down is told there.
    paths = [f"{directory}/{name}" for name in ("memory.events.local", "memory.events", "memory.oom_control")]
    return next(filter(os.path.exists, paths), None)


def _counter(path: str, name: str) -> int:
    for line in read(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
