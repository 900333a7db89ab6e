"""Owns the heartbeat: a thread that tells Node how the process is, also while its event loop hangs."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from axon_agent import memory

_ANSWER_SECONDS = 0.5
_BEATS_A_SHARE = 5
_SPARE_FILES = 4
"""Of fewer, one caller gets a connection now and then: the event loop closes those that it cannot take."""
_FIRST_SHARE = 2
"""The share takes the kernel a millisecond or two: it is asked for now and then, and not while the process starts."""


class LoopLag:
    """Measures how late the event loop runs: a call is handed to it, and the time until it is made is the lag."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._answered = threading.Event()
        self._asked_at: float | None = None
        self._lag = 0.0

    def measure(self) -> float:
        """The lag in milliseconds. Waits half a second at most; a loop that hangs has the age of its oldest unanswered
        call. One that was told of as hanging and has come back is asked anew: what counts is how it is now.
        """
        if self._asked_at is None or self._answered.is_set():
            self._answered.clear()
            self._asked_at = time.monotonic()
            try:
                self._loop.call_soon_threadsafe(self._answer, self._asked_at)
            except RuntimeError:
                return 0.0  # the loop is closed: the process is leaving
        if self._answered.wait(_ANSWER_SECONDS):
            self._asked_at = None
            return self._lag
        return (time.monotonic() - self._asked_at) * 1000

    def _answer(self, asked_at: float) -> None:
        self._lag = (time.monotonic() - asked_at) * 1000
        self._answered.set()


def start_heartbeat(
    tell: Callable[[dict[str, Any]], None],
    loop: asyncio.AbstractEventLoop,
    interval_ms: float,
    in_flight: Callable[[], int],
) -> None:
    """Starts the thread: one frame at once, then one every `interval_ms`. It ends with the process."""
    lag = LoopLag(loop)

    def beat() -> None:
        beats, share, out_of_files = 0, None, 0
        with contextlib.suppress(OSError):
            while True:
                beats += 1
                if beats % _BEATS_A_SHARE == _FIRST_SHARE:
                    share = memory.proportional_bytes()
                files = open_files()
                out_of_files = out_of_files + 1 if files.are_spent else 0
                tell(
                    {
                        "type": "heartbeat",
                        "rss": _resident_bytes(),
                        "pss": share,
                        "openFiles": files.number,
                        # Once may be a crowd of callers.
                        "isOutOfFiles": out_of_files > 1,
                        "cpu": time.process_time(),
                        "loopLagMs": round(lag.measure(), 3),
                        "inFlight": in_flight(),
                    }
                )
                time.sleep(interval_ms / 1000)

    threading.Thread(target=beat, name="axon-heartbeat", daemon=True).start()


def _resident_bytes() -> int:
    """Resident memory of this process; where the kernel does not tell it, the most it has had."""
    resident = memory.resident_bytes()
    if resident is not None:
        return resident
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class OpenFiles(NamedTuple):
    """Descriptors of this process: how many are open, None where that cannot be told, and whether too few are left to
    take connections.
    """

    number: int | None
    are_spent: bool


def open_files() -> OpenFiles:
    """The descriptors now."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        count = len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")) - 1
    except OSError as error:
        return OpenFiles(None, error.errno in (errno.EMFILE, errno.ENFILE))
    return OpenFiles(count, limit != resource.RLIM_INFINITY and limit - count < _SPARE_FILES)
