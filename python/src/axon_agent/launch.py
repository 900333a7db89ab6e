"""Owns the way from a `spawn` frame to a process that runs an agent: by fork, or by fork and exec.

Which process, when, and its end are `hosting`'s. Everything between the fork and the agent's own code stands here.

1. The nonce reaches the child through memory or an inherited pipe, never through its arguments or environment.
2. An agent leads a session of its own, dies with the host, and is the parent of whatever its descendants orphan.
3. Nothing of the host's is left open in the child, and the environment is the agent's alone.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from axon_agent import agent, guard, limits
from axon_agent.connect import connect_output
from axon_agent.protocol import PROTOCOL_VERSION, Bootstrap, FrameError

_BLOCKED = {signal.SIGCHLD, signal.SIGTERM}
_ENTRY = agent.__file__


@dataclass
class Spawn:
    """What Node asks for. `env` is the agent's whole environment."""

    generation: str
    nonce: str
    is_warm: bool
    env: dict[str, str]
    limits: dict[str, Any]


def read_spawn(frame: dict[str, Any]) -> Spawn:
    """The `spawn` frame; `FrameError` naming what is wrong."""
    match frame:
        case {"generation": str(generation), "nonce": str(nonce), "start": "warm" | "cold" as start, "env": dict(env)}:
            bad = [key for key, value in env.items() if not _can_be_set(key, value)]
            if bad:
                raise FrameError(f"spawn: `env` has what no environment can hold: {', '.join(bad)}")
            limits = frame.get("limits")
            return Spawn(generation, nonce, start == "warm", env, limits if isinstance(limits, dict) else {})
    raise FrameError("spawn: `generation`, `nonce`, `start` (warm or cold) and `env` are needed")


def _can_be_set(key: str, value: object) -> bool:
    return isinstance(value, str) and "\0" not in key + value and key != "" and "=" not in key


def start(spawn: Spawn, socket: str, own: list[int], order: dict[str, Any] | None = None) -> tuple[int, int]:
    """Starts the process and returns its id; `OSError` when the kernel refuses. `own` are the host's descriptors.

    With an `order` for its limits, also a descriptor on which it says what holds; else -1.
    """
    host = os.getpid()
    told, report = os.pipe() if order else (-1, -1)
    try:
        pid = _fork(spawn, socket, host, own if order is None else [*own, told], order, report)
    except OSError:
        if order:
            os.close(told)
        raise
    finally:
        if order:
            os.close(report)
    return pid, told


def _fork(spawn: Spawn, socket: str, host: int, own: list[int], order: dict[str, Any] | None, report: int) -> int:
    bootstrap = Bootstrap(PROTOCOL_VERSION, socket, spawn.generation, spawn.nonce)
    with _signals_blocked(), contextlib.nullcontext() if spawn.is_warm else _unwarned():
        pid = os.fork()
        if pid:
            return pid
        try:
            _separate(spawn, host, own, report)
            if order:
                limits.enter(order, report)
            if spawn.is_warm:
                _renew(spawn)
                agent.run(bootstrap)
            _execute(spawn, bootstrap)
        except BaseException as error:
            os.write(2, f"{spawn.generation} could not be started: {error!r}\n".encode())
        finally:
            os._exit(1)


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _unwarned() -> Iterator[None]:
    # Python warns of threads at a fork; what is about to exec is not harmed by them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _separate(spawn: Spawn, host: int, own: list[int], report: int) -> None:
    """Parts the child from the host: session, death, signals, descriptors but for `report`, name."""
    os.setsid()
    guard.die_with_parent(host)
    guard.adopt_orphans()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _leave_descriptors(own, report)
    guard.set_name(f"ag-{spawn.generation.partition('/')[0]}")


def _leave_descriptors(own: list[int], report: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for descriptor in own:
        os.close(descriptor)
    for name in os.listdir("/proc/self/fd" if guard.IS_LINUX else "/dev/fd"):
        descriptor = int(name)
        # What a preloaded module holds is not closed: its number would come back as a socket of ours, for it to close.
        if descriptor > 2 and descriptor not in (null, report):
            with contextlib.suppress(OSError):
                os.fstat(descriptor)
                os.dup2(null, descriptor, inheritable=False)
    os.close(null)


def _renew(spawn: Spawn) -> None:
    """Makes new in a forked child what it would share with its siblings. `random` and `ssl` see to themselves."""
    os.environ.clear()
    os.environ.update(spawn.env)
    time.tzset()
    for path in reversed(spawn.env.get("PYTHONPATH", "").split(os.pathsep)):
        if path and path not in sys.path:
            sys.path.insert(0, path)
    sys.argv = [_ENTRY]
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        multiprocessing.current_process().authkey = os.urandom(32)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # until it serves


def _execute(spawn: Spawn, bootstrap: Bootstrap) -> NoReturn:
    """Becomes a new interpreter. Its output is connected before: what dies at once leaves its last words."""
    os.chdir(sys.prefix)
    try:
        connect_output(bootstrap)
    except OSError:
        os._exit(1)  # Node is gone
    line = {**vars(bootstrap), "connected": ["stdout", "stderr"]}
    reading, writing = os.pipe()
    os.write(writing, json.dumps(line).encode() + b"\n")
    os.dup2(reading, 0)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execve(sys.executable, [sys.executable, "-m", "axon_agent.agent"], spawn.env)
