"""Owns the way from a `spawn` frame to a process that runs an agent: by fork, or by fork and exec.

Which process, when, and its end are `hosting`'s. Everything between the fork and the agent's own code stands here.

1. The nonce reaches the child through memory or an inherited pipe, never through its arguments or environment.
2. An agent leads a session of its own, dies with the host, and is the parent of whatever its descendants orphan.
3. Nothing of the host's is left open in the child, and the environment is the agent's alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from axon_agent import agent, guard
from axon_agent.connect import connect_output
from axon_agent.protocol import PROTOCOL_VERSION, Bootstrap, FrameError

_BLOCKED = {signal.SIGCHLD, signal.SIGTERM}
_CPU_GRACE_SECONDS = 5
_ENTRY = agent.__file__
_KEPT: list[object] = []


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


def start(spawn: Spawn, socket: str, own: list[int]) -> int:
    """Starts the process and returns its id; `OSError` when the kernel refuses. `own` are the host's descriptors."""
    host = os.getpid()
    bootstrap = Bootstrap(PROTOCOL_VERSION, socket, spawn.generation, spawn.nonce)
    with _signals_blocked(), contextlib.nullcontext() if spawn.is_warm else _unwarned():
        pid = os.fork()
        if pid:
            return pid
        try:
            _separate(spawn, host, own)
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
    # Of threads at a fork, which do not harm what is about to exec; of event loop policies, deprecated in Python 3.14.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _separate(spawn: Spawn, host: int, own: list[int]) -> None:
    """Parts the child from the host: session, death, signals, descriptors, name, limits."""
    os.setsid()
    guard.die_with_parent(host)
    guard.adopt_orphans()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _leave_descriptors(own)
    guard.set_name(f"ag-{spawn.generation.partition('/')[0]}")
    _limit(spawn.limits)


def _leave_descriptors(own: list[int]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for descriptor in own:
        os.close(descriptor)
    for name in os.listdir("/proc/self/fd" if guard.IS_LINUX else "/dev/fd"):
        descriptor = int(name)
        # What a preloaded module holds is not closed: its number would come back as a socket of ours, for it to close.
        if descriptor > 2 and descriptor != null:
            with contextlib.suppress(OSError):
                os.fstat(descriptor)
                os.dup2(null, descriptor, inheritable=False)
    os.close(null)


def _limit(limits: dict[str, Any]) -> None:
    """Sets what the kernel counts for each process, as far as its hard limits allow."""
    kinds = {"openFiles": resource.RLIMIT_NOFILE, "cpuSeconds": resource.RLIMIT_CPU}
    if limits.get("rlimitAs") is True and isinstance(limits.get("memoryMb"), int):
        limits = {**limits, "addressSpace": limits["memoryMb"] * 1024 * 1024}
        kinds["addressSpace"] = resource.RLIMIT_AS
    for key, kind in kinds.items():
        wanted = limits.get(key)
        if isinstance(wanted, int) and wanted > 0:
            hardest = resource.getrlimit(kind)[1]
            # SIGXCPU at the limit says what happened; SIGKILL comes to who ignores it.
            hard = wanted + _CPU_GRACE_SECONDS if kind == resource.RLIMIT_CPU else wanted
            if hardest != resource.RLIM_INFINITY:
                wanted, hard = min(wanted, hardest), min(hard, hardest)
            resource.setrlimit(kind, (wanted, hard))
    if isinstance(limits.get("nice"), int):
        with contextlib.suppress(OSError):
            os.nice(limits["nice"] - os.nice(0))


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
    with _unwarned():
        # Kept, since an event loop that is dropped closes its descriptors, and they are nobody's here.
        _KEPT.append(asyncio.get_event_loop_policy())
        asyncio.set_event_loop_policy(None)
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
