"""Owns a host's life: the frames between it and Node, which processes are alive, their signals and their end.

How a process is started is `launch`'s, which one is taken `starting`'s, what is loaded before is `warm`'s, the first
line is `opening`'s, what holds it to its limits is `limits`'s, and that nothing is left is `guard`'s.

1. One thread, no event loop: a process is forked, signalled and reaped here, one after the other, so that a signal can
   only reach a process of ours that has not been reaped.
2. Nothing is started once Node's pipe has ended, however many requests can still be read from it.
3. Writing never waits. While Node does not read, no request is read either, so what is kept stays bounded.
4. An agent is the parent of all that its descendants orphan. A child that nobody here has started therefore belonged to
   an agent that has ended, and is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import select
import signal
import sys
import time
from dataclasses import replace
from typing import Any, NoReturn

from axon_agent import guard, launch, opening
from axon_agent.limits import Limited, Limits, LimitsUnavailable
from axon_agent.protocol import FrameError, FrameSplitter, decode_frame
from axon_agent.starting import QUIET_MS, Starting
from axon_agent.warm import Warmth

_MAX_KEPT = 1024 * 1024
_LEAVE_SECONDS = 1.0
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What ends the host. A preload may have handlers for other signals."""


def run(again: str | None, began: float) -> NoReturn:
    """The host, from the `open` line to its exit."""
    inbox, outbox = opening.take_pipes()
    opened = opening.Opened(**json.loads(again)) if again else opening.read_open(inbox, began)
    warmth = Warmth()
    if again is None:
        if opened.warm:
            warmth.preload(opened.preload)
            warmth.warm()
        warmth.settle()
        if warmth.why and guard.IS_LINUX:
            opening.start_again(inbox, outbox, replace(opened, why=warmth.why))
    warmth.why = opened.why or warmth.why
    Host(inbox, outbox, opened, warmth).live(opened.began)


class Host:
    """The loop. It ends when Node's pipe does, at `close`, or at SIGTERM, which the guard's death sends."""

    def __init__(self, inbox: int, outbox: int, opened: opening.Opened, warmth: Warmth) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._warmth = warmth
        self._guard = os.getppid()
        self._pids: dict[str, int] = {}
        self._generations: dict[int, str] = {}
        self._killed: set[int] = set()
        self._limits = Limits(opened.system, self._guard)
        self._splitter = FrameSplitter()
        self._kept = bytearray()
        os.set_blocking(inbox, False)
        os.set_blocking(outbox, False)
        self._wake, self._own = guard.wake_on([signal.SIGCHLD, *_ENDING])
        self._own += [inbox, outbox]
        own = lambda: [*self._own, *self._limits.reports]  # noqa: E731
        self._starting = Starting(warmth, opened.socket, own, self._warn)
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
            for report in self._limits.reports:
                poll.register(report, select.POLLIN)
            events = poll.poll(QUIET_MS if self._starting.is_due else self._limits.pause_ms)
            if not events and self._starting.is_due and self._has_node():
                self._starting.make_ahead()
            for descriptor, event in events:
                if descriptor == self._wake:
                    numbers = os.read(self._wake, 4096)
                    self._reap()
                    if any(number in _ENDING for number in numbers):
                        self._leave()
                elif descriptor == self._outbox:
                    self._write()
                elif descriptor in self._limits.reports:
                    self._hear_limits(self._limits.reports[descriptor])
                elif descriptor != self._inbox:
                    pass  # a report that was taken with its process's end
                elif event & guard.HUNG_UP or not self._read():
                    self._leave()
            self._limits.look()

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
            self._warn(f"Node's requests cannot be read: {error}")
            return False
        return all(self._take(line) for line in lines)

    def _take(self, line: bytes) -> bool:
        try:
            frame = decode_frame(line)
        except FrameError as error:
            self._warn(f"a request was ignored: {error}")
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
        if not self._has_node():
            return False
        generation = frame.get("generation")
        try:
            spawn = launch.read_spawn(frame)
            if spawn.generation in self._pids:
                raise FrameError(f"spawn: {spawn.generation} is running")
            spawn.is_warm = spawn.is_warm and self._starting.may_fork()
            limited = self._limits.prepare(spawn.generation, spawn.limits)
            child = self._starting.start(spawn, limited.order if limited else None)
        except (FrameError, OSError, LimitsUnavailable) as error:
            code = getattr(error, "code", "PROCESS_SPAWN_FAILED")
            self._tell({"type": "spawn.failed", "generation": generation, "code": code, "message": str(error)})
            return True
        self._pids[spawn.generation] = child.pid
        self._generations[child.pid] = spawn.generation
        if limited:
            self._limits.started(limited, child.pid, child.line)
        else:
            self._tell_spawned(spawn.generation, child.pid, {})
        return True

    def _hear_limits(self, limited: Limited) -> None:
        # With limits a process counts as started when it has said what holds: nothing of its agent's has run before.
        if not self._limits.hear(limited):
            return
        if limited.failure is None:
            return self._tell_spawned(limited.generation, limited.pid, limited.achieved)
        del self._pids[limited.generation], self._generations[limited.pid]
        code, message = LimitsUnavailable.code, limited.failure
        self._tell({"type": "spawn.failed", "generation": limited.generation, "code": code, "message": message})

    def _tell_spawned(self, generation: str, pid: int, achieved: dict[str, str]) -> None:
        started = {"pid": pid, "startTime": guard.start_time(pid), "achieved": achieved}
        self._tell({"type": "spawned", "generation": generation, **started})

    def _signal(self, generation: str, name: str) -> None:
        pid = self._pids.get(generation)
        number = getattr(signal, name, None) if name.startswith("SIG") else None
        if pid is None or not isinstance(number, signal.Signals):
            return
        if number == signal.SIGABRT:
            guard.kill(pid, number)  # for the stacks of its threads, which its helpers do not have
        else:
            if number == signal.SIGKILL:
                self._killed.add(pid)
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
            if pid == self._starting.waiting:
                self._starting.forget()
            self._end(pid, status, usage)
        if ended and has_any:
            self._kill_strays()
        return has_any

    def _end(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        unheard = next((one for one in self._limits.reports.values() if one.pid == pid), None)
        if unheard:
            self._hear_limits(unheard)
        seconds = usage.ru_utime + usage.ru_stime
        of_limits = self._limits.ended(pid, status, seconds, pid in self._killed)
        self._killed.discard(pid)
        generation = self._generations.pop(pid, None)
        if generation is not None:
            del self._pids[generation]
            self._tell({**_exited(generation, pid, status, usage.ru_maxrss, seconds), **of_limits})

    def _kill_strays(self) -> None:
        for pid in guard.children(os.getpid()):
            if pid not in self._generations and pid != self._starting.waiting:
                guard.kill(pid)

    def _leave(self) -> NoReturn:
        """Kills all, reports what ends within a second, and exits. The guard does the rest.

        Without its guard the host is lost, and what ends now was lost with it: Node says so itself.
        """
        if os.getppid() != self._guard:
            os.dup2(os.open(os.devnull, os.O_RDWR), self._outbox)
        self._starting.forget()  # what was made ahead is a stray as any other now
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
        self._limits.close()
        os._exit(0)

    def _has_node(self) -> bool:
        return not guard.is_hung_up(self._inbox) and os.getppid() == self._guard

    def _warn(self, message: str) -> None:
        self._tell({"type": "host.warned", "message": message})

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
