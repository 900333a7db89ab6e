"""Owns the limits of agents: which the kernel holds and how, which are watched here, and whether one was exceeded.

1. An agent puts itself under its limits before any of its own code runs, and says what holds. With `required`, what the
   kernel does not hold keeps it from running.
2. What no cgroup holds is looked at every 100 ms, while an agent with such a limit lives, and only then.
3. Nothing is done for an agent without limits.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from axon_agent import cgroups, guard, watch

LOOK_MS = 100

_CPU_GRACE_SECONDS = 2
_RLIMITS = {"openFiles": resource.RLIMIT_NOFILE, "cpuSeconds": resource.RLIMIT_CPU}
_NAMES = (*cgroups.CONTROLLERS, *_RLIMITS, "nice")
_UNSEEN_SECONDS = 1.0
_MIB = 1024 * 1024


class LimitsUnavailable(Exception):
    """A limit is required that the kernel does not hold here."""

    code = "PROCESS_LIMITS_UNAVAILABLE"


@dataclass
class Limited:
    """One agent with limits."""

    generation: str
    asked: dict[str, int]
    is_required: bool
    cgroup: cgroups.Cgroup
    pid: int = 0
    report: int = -1
    """Where the child says what holds, until it has."""
    achieved: dict[str, str] = field(default_factory=dict)
    failure: str | None = None
    exceeded: str | None = None

    @property
    def order(self) -> dict[str, Any]:
        """What the child is to do, for `enter`."""
        return {"asked": self.asked, "cgroups": self.cgroup.directories, "isRequired": self.is_required}

    @property
    def needs_looks(self) -> bool:
        """Whether the kernel does not see to all of it."""
        of_memory = self.achieved.get("memoryMb")
        return "watch" in self.achieved.values() or (of_memory == "cgroup" and not self.cgroup.kills_all)


class Limits:
    """The limits of a host's agents."""

    def __init__(self, system: str, guard_pid: int) -> None:
        self._cgroups = cgroups.Cgroups(system, guard_pid)
        self._limited: dict[int, Limited] = {}
        self._looked_at: list[Limited] = []
        self._unused: list[cgroups.Cgroup] = []
        self._next_look = 0.0
        self._kills = self._cgroups.oom_kills()
        self._killed_at = float("-inf")
        self.reports: dict[int, Limited] = {}

    def prepare(self, generation: str, wanted: dict[str, Any]) -> Limited | None:
        """Makes ready what an agent is to be started under; `LimitsUnavailable` where that is certain now."""
        asked = {name: wanted[name] for name in _NAMES if _is_number(wanted.get(name))}
        if not asked:
            return None
        limited = Limited(
            generation, asked, wanted.get("enforcement") == "required", self._cgroups.make(generation, asked)
        )
        self._unused.append(limited.cgroup)
        if limited.is_required and limited.cgroup.why:
            raise LimitsUnavailable(_told(limited.cgroup.why))
        return limited

    def started(self, limited: Limited, pid: int, report: int) -> None:
        """The process is there, and will say on `report` what holds."""
        limited.pid, limited.report = pid, report
        os.set_blocking(report, False)
        self._unused.remove(limited.cgroup)
        self._limited[pid] = limited
        self.reports[report] = limited

    def hear(self, limited: Limited) -> bool:
        """Takes the report: what is achieved, or why the process runs nothing. One that has died says neither. False
        where there is none yet.
        """
        try:
            said = _parsed(os.read(limited.report, 65536))
        except BlockingIOError:
            return False
        except ConnectionError:  # it has died with its order unread
            said = {}
        del self.reports[limited.report]
        os.close(limited.report)
        held: dict[str, str] = said.get("held", {})
        if limited.is_required and said.get("why"):
            limited.failure = _told(said["why"])
        for name in limited.asked:
            is_watched = name in cgroups.CONTROLLERS and guard.IS_LINUX and bool(said)
            limited.achieved[name] = held.get(name) or ("watch" if is_watched else "none")
        if limited.needs_looks:
            self._looked_at.append(limited)
        return True

    @property
    def pause_ms(self) -> float | None:
        """After how long something is to be done here; None for nothing."""
        return LOOK_MS if self._looked_at or self._unused else None

    def look(self) -> None:
        """Ends what is beyond its limits, and removes cgroups that are free by now."""
        if self._unused:  # what has ended may be counted in its cgroup for a moment more
            self._unused = [cgroup for cgroup in self._unused if not cgroup.remove()]
        if not self._looked_at or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_MS / 1000
        for limited in self._looked_at:
            pids = watch.tree(limited.pid)
            limited.exceeded = _seen(limited, pids)
            if limited.exceeded is not None:
                watch.kill(limited.pid, list(pids))
        self._looked_at = [limited for limited in self._looked_at if limited.exceeded is None]

    def ended(self, pid: int, status: int, seconds: float, was_killed: bool) -> dict[str, Any]:
        """What `exited` says of limits. `was_killed`: by Node's wish; `seconds` are those of the processor."""
        limited = self._limited.pop(pid, None)
        has_risen = self._have_kills_risen()
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and not was_killed
        if limited is None:
            return {"oom": is_killed and has_risen}
        if limited in self._looked_at:
            self._looked_at.remove(limited)
        self._unused.append(limited.cgroup)
        kills = limited.cgroup.oom_kills()
        if limited.exceeded is None:
            limited.exceeded = _judged(limited, status, seconds, kills, is_killed)
        name = limited.exceeded
        # Its own cgroup's count is the better witness.
        is_counted = kills > 0 if "memoryMb" in limited.cgroup.directories else has_risen
        oom = name == "memoryMb" or (name is None and is_killed and is_counted)
        return {"oom": oom, "exceeded": name and {"limit": name, "value": limited.asked[name]}}

    def close(self) -> None:
        """Nothing lives any more: no cgroup is left."""
        self._cgroups.close()

    def _have_kills_risen(self) -> bool:
        # The kernel does not say whom it killed. The count is taken at every end, so that what is seen is recent; those
        # that were killed together are reaped one after the other.
        kills, now = self._cgroups.oom_kills(), time.monotonic()
        if kills > self._kills:
            self._kills, self._killed_at = kills, now
        return now - self._killed_at < _UNSEEN_SECONDS


def enter(order: dict[str, Any], report: int) -> None:
    """In the child: puts this process under its limits, and says so. Where all are required and one fails, it ends."""
    held, why = {}, {}
    joined: dict[str, str] = {}
    for name, value in order["asked"].items():
        try:
            if name in _RLIMITS:
                _limit(_RLIMITS[name], value)
                held[name] = "rlimit"
            elif name == "nice":
                os.nice(value - os.nice(0))
                held[name] = "nice"
            elif name in order["cgroups"]:
                directory = order["cgroups"][name]
                if directory not in joined:
                    cgroups.join(directory)
                joined[directory] = held[name] = "cgroup"
        except (OSError, ValueError, OverflowError) as error:
            why[name] = str(error)
    os.write(report, json.dumps({"held": held, "why": why}).encode())
    os.close(report)
    if order["isRequired"] and why:
        os._exit(1)


def _limit(kind: int, value: int) -> None:
    """As far as the hard limit allows: what is stricter than asked holds too."""
    hardest = resource.getrlimit(kind)[1]
    # SIGXCPU at the limit says what happened; SIGKILL comes to who ignores it.
    hard = value + _CPU_GRACE_SECONDS if kind == resource.RLIMIT_CPU else value
    if hardest != resource.RLIM_INFINITY:
        value, hard = min(value, hardest), min(hard, hardest)
    resource.setrlimit(kind, (value, hard))


def _seen(limited: Limited, pids: dict[int, int]) -> str | None:
    """The limit that a tree is beyond."""
    if limited.achieved.get("memoryMb") == "watch" and watch.is_beyond(list(pids), limited.asked["memoryMb"] * _MIB):
        return "memoryMb"
    if limited.achieved.get("processes") == "watch" and sum(pids.values()) > limited.asked["processes"]:
        return "processes"
    # In v1 the kernel ends the largest process only. An agent that has lost a helper so is ended as a whole.
    return "memoryMb" if limited.cgroup.oom_kills() > 0 and limited.cgroup.has_filled() else None


def _judged(limited: Limited, status: int, seconds: float, kills: int, is_killed: bool) -> str | None:
    """The limit for which the kernel has ended a process."""
    if kills > 0 and limited.cgroup.has_filled():
        return "memoryMb"
    most = limited.asked.get("cpuSeconds")
    is_told = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
    # SIGKILL where it has ignored the other.
    return "cpuSeconds" if most is not None and (is_told or (is_killed and seconds >= most)) else None


def _told(why: dict[str, str]) -> str:
    """The limits that do not hold, why, and what to try."""
    reasons = "; ".join(f"limits.{name} cannot be held by the kernel here: {reason}" for name, reason in why.items())
    tries = (
        "Start Node where it may make cgroups (systemd: Delegate=yes)"
        if cgroups.CONTROLLERS.keys() & why.keys()
        else "Start Node with that permission"
    )
    return f"{reasons}. {tries}, ask for less, or set limits.enforcement to 'best-effort'."


def _is_number(value: object) -> bool:
    # Beyond it Node's numbers are not exact.
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _parsed(report: bytes) -> dict[str, Any]:
    said = json.loads(report or b"{}")
    return said if isinstance(said, dict) else {}
