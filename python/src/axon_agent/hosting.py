"""Owns a host's life: the frames between it and Node, which processes are alive, their signals and their end.

How a process is started is `launch`'s, what is loaded before is `warm`'s, the first line is `opening`'s, and that
nothing is left is `guard`'s.

1. One thread, no event loop: a process is forked, signalled and reaped here, one after the other, so that a signal can
   only reach a process of ours that has not been reaped.
2. Nothing is started once Node's pipe has ended, however many requests can still be read from it.
3. Writing never waits. While Node does not read, no request is read either, so what is kept stays bounded.
4. An agent is the parent of all that its descendants orphan. A child that nobody here has started therefore belonged to
   an agent that has ended, and is killed.
5. One process is kept ahead: forked and rehearsed while nothing else starts, so that what is copied at first use is
   copied before it is needed. It knows nothing of any agent until it is told which one it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import select
import signal
import sys
import time
from dataclasses import replace
from typing import Any, NoReturn

from axon_agent import guard, launch, opening
from axon_agent.protocol import FrameError, FrameSplitter, decode_frame
from axon_agent.warm import Warmth, why_not_fork

_MAX_KEPT = 1024 * 1024
_LEAVE_SECONDS = 1.0
_QUIET_MS = 100
"""After so long without a start the next process is made ahead: not while the last one needs the processor."""


def run(told: int, again: str | None, began: float) -> NoReturn:
    """The host, from the `open` line to its exit. `told` takes the runtime directory's path, for the guard."""
    inbox, outbox = opening.take_pipes()
    opened = opening.Opened(**json.loads(again)) if again else opening.read_open(inbox, began)
    warmth = Warmth()
    if again is None:
        os.write(told, os.fsencode(os.path.dirname(opened.socket)) + b"\n")
        os.close(told)
        if opened.warm:
            warmth.preload(opened.preload)
            warmth.warm()
        warmth.settle()
        if warmth.why and guard.IS_LINUX:
            opening.start_again(inbox, outbox, replace(opened, why=warmth.why))
    warmth.why = opened.why or warmth.why
    Host(inbox, outbox, opened.socket, warmth).live(opened.began)


class Host:
    """The loop. It ends when Node's pipe does, at `close`, or at SIGTERM, which the guard's death sends."""

    def __init__(self, inbox: int, outbox: int, socket: str, warmth: Warmth) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._socket = socket
        self._warmth = warmth
        self._guard = os.getppid()
        self._pids: dict[str, int] = {}
        self._generations: dict[int, str] = {}
        self._spare: launch.Child | None = None
        self._is_spare_due = warmth.is_warm
        self._splitter = FrameSplitter()
        self._kept = bytearray()
        os.set_blocking(inbox, False)
        os.set_blocking(outbox, False)
        wake_signals = [signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
        self._wake, self._own = guard.wake_on(wake_signals)
        self._own += [inbox, outbox]
        guard.adopt_orphans()
        guard.die_with_parent(self._guard, signal.SIGTERM)

    def live(self, began: float) -> NoReturn:
        """Tells `host.ready` and serves Node to the end."""
        self._tell(
            {
                "type": "host.ready",
                "pid": os.getpid(),
                "guard": self._guard,
                "python": platform.python_version(),
                "preloaded": self._warmth.loaded,
                "canFork": self._warmth.why is None,
                "why": self._warmth.why,
                "readyMs": round((time.monotonic() - began) * 1000, 1),
            }
        )
        while True:
            poll = select.poll()
            poll.register(self._inbox, guard.HUNG_UP | (select.POLLIN if len(self._kept) < _MAX_KEPT else 0))
            poll.register(self._wake, select.POLLIN)
            if self._kept:
                poll.register(self._outbox, select.POLLOUT)
            events = poll.poll(_QUIET_MS if self._is_spare_due else None)
            if not events:
                self._make_spare()
            for descriptor, event in events:
                if descriptor == self._wake:
                    numbers = os.read(self._wake, 4096)
                    self._reap()
                    if any(number != signal.SIGCHLD for number in numbers):
                        self._leave()
                elif descriptor == self._outbox:
                    self._write()
                elif event & guard.HUNG_UP or not self._read():
                    self._leave()

    def _read(self) -> bool:
        """Takes what has come; False when Node has gone or wants the end."""
        try:
            data = os.read(self._inbox, 65536)
        except BlockingIOError:
            return True
        if not data:
            return False
        try:
            lines = self._splitter.feed(data)
        except FrameError as error:
            self._tell({"type": "host.log", "level": "error", "message": f"Node's requests cannot be read: {error}"})
            return False
        return all(self._take(line) for line in lines)

    def _take(self, line: bytes) -> bool:
        try:
            frame = decode_frame(line)
        except FrameError as error:
            self._tell({"type": "host.log", "level": "warn", "message": f"a request was ignored: {error}"})
            return True
        match frame:
            case {"type": "spawn"}:
                return self._spawn(frame)
            case {"type": "signal", "generation": str(generation), "signal": str(name)}:
                self._signal(generation, name)
            case {"type": "close"}:
                return False
        return True

    def _spawn(self, frame: dict[str, Any]) -> bool:
        if guard.is_hung_up(self._inbox) or os.getppid() != self._guard:
            return False
        generation = frame.get("generation")
        try:
            spawn = launch.read_spawn(frame)
            if spawn.generation in self._pids:
                raise FrameError(f"spawn: {spawn.generation} is running")
            spawn.is_warm = spawn.is_warm and self._may_fork()
            pid = self._start(spawn)
        except (FrameError, OSError) as error:
            self._tell({"type": "spawn.failed", "generation": generation, "message": str(error)})
            return True
        self._pids[spawn.generation] = pid
        self._generations[pid] = spawn.generation
        self._tell({"type": "spawned", "generation": generation, "pid": pid, "startTime": guard.start_time(pid)})
        return True

    def _start(self, spawn: launch.Spawn) -> int:
        self._is_spare_due = self._warmth.is_warm and (spawn.is_warm or self._is_spare_due)
        if spawn.is_warm and self._spare is not None and self._spare.is_prepared:
            spare, self._spare = self._spare, None
            with contextlib.suppress(OSError):  # it has ended meanwhile
                spare.become(spawn, self._socket)
                return spare.pid
        child = launch.fork(self._descriptors)
        child.become(spawn, self._socket)
        return child.pid

    def _make_spare(self) -> None:
        self._is_spare_due = False
        is_wanted = self._spare is None and not guard.is_hung_up(self._inbox) and os.getppid() == self._guard
        if is_wanted and self._may_fork():
            with contextlib.suppress(OSError):  # the kernel refuses: it is tried again after the next start
                self._spare = launch.fork(self._descriptors, lambda: self._warmth.rehearse(may_start_threads=True))

    def _may_fork(self) -> bool:
        if self._warmth.why is None:
            self._warmth.why = why_not_fork()
            if self._warmth.why:
                message = f"{self._warmth.why}: agents are started by exec from now on"
                self._tell({"type": "host.log", "level": "warn", "message": message})
        return self._warmth.why is None

    @property
    def _descriptors(self) -> list[int]:
        """Those of the host, which are not for its children."""
        return [*self._own, self._spare.line] if self._spare else self._own

    def _signal(self, generation: str, name: str) -> None:
        pid = self._pids.get(generation)
        number = getattr(signal, name, None) if name.startswith("SIG") else None
        if pid is None or not isinstance(number, signal.Signals):
            return
        if number == signal.SIGABRT:
            guard.kill(pid, number)  # for the stacks of its threads, which its helpers do not have
        else:
            guard.kill_group(pid, number)

    def _reap(self) -> bool:
        """Reports every process that has ended; False when there is none any more."""
        has_any = True
        ended = False
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                has_any = False
                break
            if pid == 0:
                break
            ended = True
            if self._spare is not None and pid == self._spare.pid:
                os.close(self._spare.line)
                self._spare = None
            generation = self._generations.pop(pid, None)
            if generation is not None:
                del self._pids[generation]
                self._tell(_exited(generation, pid, status, usage.ru_maxrss, usage.ru_utime + usage.ru_stime))
        if ended and has_any:
            self._kill_strays()
        return has_any

    def _kill_strays(self) -> None:
        spare = self._spare.pid if self._spare else None
        for pid in guard.children(os.getpid()):
            if pid not in self._generations and pid != spare:
                guard.kill(pid)

    def _leave(self) -> NoReturn:
        """Kills all, reports what ends within a second, and exits. The guard does the rest."""
        self._spare = None  # now a stray as any other
        until = time.monotonic() + _LEAVE_SECONDS
        while time.monotonic() < until:
            for pid in list(self._generations):
                guard.kill_group(pid)
            self._kill_strays()
            if not self._reap():
                break
            with contextlib.suppress(BlockingIOError):
                poll = select.poll()
                poll.register(self._wake, select.POLLIN)
                poll.poll(20)
                os.read(self._wake, 4096)
        while self._kept and time.monotonic() < until and not guard.is_hung_up(self._inbox):
            poll = select.poll()
            poll.register(self._outbox, select.POLLOUT)
            poll.poll(max(0.0, until - time.monotonic()) * 1000)
            self._write()
        os._exit(0)

    def _tell(self, frame: dict[str, Any]) -> None:
        self._kept += json.dumps(frame, separators=(",", ":")).encode() + b"\n"
        self._write()

    def _write(self) -> None:
        try:
            del self._kept[: os.write(self._outbox, self._kept)]
        except BlockingIOError:
            pass
        except OSError:
            self._kept.clear()  # Node is gone: the end of its pipe says so too


def _exited(generation: str, pid: int, status: int, peak: int, seconds: float) -> dict[str, Any]:
    return {
        "type": "exited",
        "generation": generation,
        "pid": pid,
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": _signal_name(os.WTERMSIG(status)) if os.WIFSIGNALED(status) else None,
        "maxRssBytes": peak if sys.platform == "darwin" else peak * 1024,
        "cpuMs": round(seconds * 1000, 3),
    }


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"  # a real-time signal
