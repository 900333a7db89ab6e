"""Owns the way from a process forked off the host to one that runs an agent: it is forked first, and told later which
agent it is to be, so that it can be made ready ahead of time.

Which process, when, and its end are `hosting`'s. Everything between the fork and the agent's own code stands here.

1. The nonce reaches the child through an inherited socket, never through its arguments or environment.
2. An agent's variables never pass through the host, from which others are forked: Node tells them to the child itself.
3. An agent leads a session of its own, dies with the host, and is the parent of whatever its descendants orphan.
4. Nothing of the host's is left open in the child.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from axon_agent import agent, guard, limits
from axon_agent.connect import connect_output, take_line
from axon_agent.protocol import GENERATION, PROTOCOL_VERSION, Bootstrap, FrameError

_BLOCKED = {signal.SIGCHLD, signal.SIGTERM}
_ENTRY = agent.__file__
_KEPT: list[object] = []
SPARE = "ag-spare"
"""The name, for `ps` and `top`, of a process that waits for its agent."""


@dataclass
class Spawn:
    """What Node asks for."""

    generation: str
    nonce: str
    is_warm: bool
    is_sandboxed: bool
    limits: dict[str, Any]


def read_spawn(frame: dict[str, Any]) -> Spawn:
    """The `spawn` frame; `FrameError` naming what is wrong."""
    match frame:
        case {"generation": str(generation), "nonce": str(nonce), "start": "warm" | "cold" as start} if (
            GENERATION.fullmatch(generation)
        ):
            wanted = frame.get("limits")
            limits = wanted if isinstance(wanted, dict) else {}
            return Spawn(generation, nonce, start == "warm", frame.get("sandboxed") is True, limits)
    raise FrameError("spawn: `generation`, `nonce` and `start` (warm or cold) are needed")


@dataclass
class Child:
    """A process that has been forked and waits to be told which agent it is."""

    pid: int
    line: int
    """The host's end of the connection to it."""
    is_ahead: bool
    """It says when it is prepared."""

    @property
    def is_prepared(self) -> bool:
        """Whether it has said that it waits, and has not ended since."""
        if guard.has_ended(self.pid):
            return False
        poll = select.poll()
        poll.register(self.line, select.POLLIN)
        return poll.poll(0) == [(self.line, select.POLLIN)]

    def become(self, spawn: Spawn, path: str, limits: dict[str, Any] | None) -> None:
        """Makes it that agent; `OSError` when it has ended. With an order for its limits `line` stays open: there it
        says what holds.
        """
        try:
            if self.is_ahead:
                os.read(self.line, 1)
            os.write(self.line, json.dumps({"spawn": vars(spawn), "socket": path, "limits": limits}).encode() + b"\n")
        except OSError:
            os.close(self.line)
            raise
        if limits is None:
            os.close(self.line)


def fork(own: list[int], prepare: Callable[[], None] | None = None) -> Child:
    """Forks a process, which calls `prepare` and waits; `OSError` when the kernel refuses. `own` are the host's
    descriptors.
    """
    host = os.getpid()
    ours, theirs = (end.detach() for end in socket.socketpair())
    with _signals_blocked(), _unwarned():
        try:
            pid = os.fork()
        except OSError:
            os.close(ours)
            os.close(theirs)
            raise
        if pid:
            os.close(theirs)
            return Child(pid, ours, prepare is not None)
        try:
            _separate(host, theirs, [*own, ours])
            gc.disable()  # until it serves
            if prepare is not None:
                prepare()
                gc.collect()
                guard.set_name(SPARE)
                os.write(0, b".")
            _become(os.dup(0))
        except BaseException as error:
            os.write(2, f"an agent's process could not be started: {error!r}\n".encode())
        finally:
            os._exit(1)


def _become(report: int) -> NoReturn:
    line = take_line()
    if not line:
        os._exit(0)  # the host has ended
    order = json.loads(line)
    spawn = Spawn(**order["spawn"])
    bootstrap = Bootstrap(PROTOCOL_VERSION, order["socket"], spawn.generation, spawn.nonce, ("stdout", "stderr"))
    guard.set_name(f"ag-{spawn.generation.partition('/')[0]}")
    if order["limits"] is None:
        os.close(report)
    else:
        limits.enter(order["limits"], report)
    # Its output is connected before anything else: what dies at once leaves its last words.
    try:
        environment = connect_output(bootstrap)
    except OSError:
        os._exit(1)  # Node is gone
    if spawn.is_warm:
        _renew(environment)
        agent.run(bootstrap)
    _execute(bootstrap, environment, ["-E"] if spawn.is_sandboxed else [])


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _unwarned() -> Iterator[None]:
    # Of threads at a fork, which do not harm what is about to exec; of event loop policies, deprecated in Python 3.14.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _separate(host: int, line: int, own: list[int]) -> None:
    """Parts the child from the host: session, death, signals, descriptors. `line` becomes its standard input."""
    os.setsid()
    guard.die_with_parent(host)
    guard.adopt_orphans()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _leave_descriptors(line, own)


def _leave_descriptors(line: int, own: list[int]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(line, 0)
    for descriptor in (line, *own):
        os.close(descriptor)
    for name in os.listdir("/proc/self/fd" if guard.IS_LINUX else "/dev/fd"):
        descriptor = int(name)
        # What a preloaded module holds is not closed: its number would come back as a socket of ours, for it to close.
        if descriptor > 2 and descriptor != null:
            with contextlib.suppress(OSError):
                os.fstat(descriptor)
                os.dup2(null, descriptor, inheritable=False)
    os.close(null)


def _renew(environment: dict[str, str]) -> None:
    """Makes new in a forked child what it would share with its siblings. `random` and `ssl` see to themselves."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    importlib.invalidate_caches()  # it may have been forked long before the agent's files were written
    for path in reversed(environment.get("PYTHONPATH", "").split(os.pathsep)):
        if path and path not in sys.path:
            sys.path.insert(0, path)
    # An interpreter reads it when it starts, and this one has.
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.argv = [_ENTRY]
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:
        vars(tempfile)["tempdir"] = None  # it remembers the host's
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    for name in ("get_env_var", "get_tracer_project"):
        # LangSmith remembers the variables that it has looked up.
        remembered = getattr(sys.modules.get("langsmith.utils"), name, None)
        getattr(remembered, "cache_clear", lambda: None)()
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        multiprocessing.current_process().authkey = os.urandom(32)
    with _unwarned():
        # Kept, since an event loop that is dropped closes its descriptors, and they are nobody's here.
        _KEPT.append(asyncio.get_event_loop_policy())
        asyncio.set_event_loop_policy(None)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _execute(bootstrap: Bootstrap, environment: dict[str, str], options: list[str]) -> NoReturn:
    """Becomes a new interpreter. With `-E` nothing that a variable names runs before its agent is in a sandbox."""
    os.chdir(sys.prefix)
    reading, writing = os.pipe()
    os.write(writing, json.dumps(vars(bootstrap)).encode() + b"\n")
    os.dup2(reading, 0)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execve(sys.executable, [sys.executable, *options, "-m", "axon_agent.agent"], environment)
