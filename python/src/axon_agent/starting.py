"""Owns which process an agent is started in: one that was made ahead, or one that is forked now.

How a process becomes an agent is `launch`'s; when one is wanted, `hosting`'s.

1. One process is kept ahead: forked and rehearsed while nothing else starts, so that what is copied at first use is
   copied before it is needed. It knows nothing of any agent until it is told which one it is.
2. Nothing is forked without a look at the threads of this process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

from axon_agent import launch
from axon_agent.warm import Warmth, why_not_fork

QUIET_MS = 100
"""After so long without a start the next process is made ahead: not while the last one needs the processor."""


class Starting:
    """The processes that wait for their agents. `own` are the host's descriptors, which are not for its children."""

    def __init__(self, warmth: Warmth, socket: str, own: Callable[[], list[int]], warn: Callable[[str], None]) -> None:
        self._warmth = warmth
        self._socket = socket
        self._own = own
        self._warn = warn
        self._spare: launch.Child | None = None
        self.is_due = warmth.is_warm
        """Whether a process is to be made ahead, once it is quiet."""

    def start(self, spawn: launch.Spawn, limits: dict[str, Any] | None) -> launch.Child:
        """A process that becomes that agent, under these limits; `OSError` when the kernel refuses."""
        self.is_due = self._warmth.is_warm and (spawn.is_warm or self.is_due)
        # What was rehearsed has threads, and a sandbox is for a process that has one.
        if spawn.is_warm and not spawn.is_sandboxed and self._spare is not None and self._spare.is_prepared:
            spare, self._spare = self._spare, None
            with contextlib.suppress(OSError):  # it has ended meanwhile
                spare.become(spawn, self._socket, limits)
                return spare
        child = launch.fork(self._descriptors)
        child.become(spawn, self._socket, limits)
        return child

    def make_ahead(self) -> None:
        """Makes the process for the next start."""
        self.is_due = False
        if self._spare is None and self.may_fork():
            with contextlib.suppress(OSError):  # the kernel refuses: it is tried again after the next start
                self._spare = launch.fork(self._descriptors, lambda: self._warmth.rehearse(may_start_threads=True))

    def may_fork(self) -> bool:
        """Whether agents can be forked; the first time that they cannot any more is told."""
        if self._warmth.why is None:
            self._warmth.why = why_not_fork()
            if self._warmth.why:
                self._warn(f"{self._warmth.why}: agents are started by exec from now on")
        return self._warmth.why is None

    @property
    def waiting(self) -> int | None:
        """The process that was made ahead."""
        return self._spare.pid if self._spare else None

    def forget(self) -> None:
        """It has ended, or may."""
        if self._spare:
            os.close(self._spare.line)
        self._spare = None

    @property
    def _descriptors(self) -> list[int]:
        return [*self._own(), self._spare.line] if self._spare else self._own()
