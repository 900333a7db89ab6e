"""Owns what a host loads and runs before it forks, so that its children need not, and the proof that it may fork.

Never imports the user's agent module. A user's own preload that fails or starts a thread is told, not raised.

1. May fork means: exactly one thread, of Python's or not, seen at the moment of asking.
2. Nothing here opens a connection, starts a thread, or runs synchronous endpoints, which would.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import sys
import threading
import time
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from axon_agent import guard
from axon_agent.adapters.plugins import installed
from axon_agent.errors import describe

_ONE_THREAD = (
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_OURS = (
    "axon_agent.adapters.function",
    "axon_agent.bind",
    "axon_agent.loader",
    "axon_agent.logs",
    "axon_agent.sandbox",
    "axon_agent.serve",
)
_FRAMEWORKS = {
    "pydantic_ai": ("axon_agent.adapters.pydantic_ai", "pydantic_ai.models.test"),
    "langchain_core.runnables": ("axon_agent.adapters.langchain",),
    "langgraph.graph": ("langgraph.prebuilt",),
    "agents": ("axon_agent.adapters.openai_agents",),
}
_THREADS_END_SECONDS = 0.2
_PAUSE_SECONDS = 0.005


class Warmth:
    """What has been loaded, and why it may not be forked, if it may not."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.why: str | None = None
        self.is_warm = False

    def preload(self, modules: list[str]) -> None:
        """Imports the package's own modules, the frameworks that are there, and `modules`."""
        for name in _ONE_THREAD:
            os.environ.setdefault(name, "1")  # else numeric libraries start their threads at import
        os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")
        for name in _OURS:
            self._load(name)
        for name in ("fastapi", "uvicorn", "uvloop", "httptools"):
            if name in sys.modules or importlib.util.find_spec(name):
                self._load(name, told=True)
        installed()
        for framework, parts in _FRAMEWORKS.items():
            if _is_there(framework):
                self._framework(framework, parts)
        for name in modules:
            self._load(name, told=True)

    def warm(self) -> None:
        """Serves requests in memory, so that what is made at first use is made."""
        if self.why is None:
            try:
                self.rehearse(may_start_threads=False)
                self.is_warm = True
            except BaseException as error:
                self.why = f"warming up failed: {describe(error)}"

    def rehearse(self, *, may_start_threads: bool) -> None:
        """Serves what `rehearsal` asks; raises what goes wrong. With threads only where nothing is forked any more."""
        from axon_agent import rehearsal  # noqa: PLC0415 - it needs what preload has proved to be there

        rehearsal.rehearse(self.loaded, may_start_threads)

    def settle(self) -> None:
        """What has been made stays: no collection in a child touches it, and so it stays shared."""
        importlib.invalidate_caches()  # an agent must find what was written after the host has started
        gc.collect()
        gc.freeze()
        self.why = self.why or why_not_fork(_THREADS_END_SECONDS)

    def _framework(self, framework: str, parts: tuple[str, ...]) -> None:
        """What cannot be imported was not to be used either: an agent that needs it says why."""
        try:
            for name in (framework, *parts):
                importlib.import_module(name)
        except ImportError:
            return
        except BaseException as error:
            self.why = self.why or f"preload {framework} failed: {describe(error)}"
            return
        self.loaded.append(framework)

    def _load(self, name: str, *, told: bool = False) -> None:
        try:
            importlib.import_module(name)
        except BaseException as error:
            # SystemExit too: a module that ends its process must not end the host.
            self.why = self.why or f"preload {name} failed: {describe(error)}"
        else:
            if told:
                self.loaded.append(name)


def _is_there(framework: str) -> bool:
    """Whether a framework is installed. `agents` must be OpenAI's: a user's own module is not imported here."""
    try:
        found = importlib.util.find_spec(framework)
    except ImportError:
        return False
    if found is None or framework != "agents":
        return found is not None
    try:
        theirs = distribution("openai-agents").locate_file("agents/__init__.py")
    except PackageNotFoundError:
        return False
    return found.origin is not None and os.path.realpath(found.origin) == os.path.realpath(str(theirs))


def why_not_fork(seconds: float = 0.0) -> str | None:
    """What forbids forking now, after waiting so long for threads to end; None when nothing does."""
    if not guard.IS_LINUX:
        return "not Linux"
    until = time.monotonic() + seconds
    while len(tasks := os.listdir("/proc/self/task")) > 1:
        if time.monotonic() >= until:
            return f"thread {_thread_name(tasks)}"
        time.sleep(_PAUSE_SECONDS)
    return None


def _thread_name(tasks: list[str]) -> str:
    main = threading.main_thread()
    names: list[Any] = [thread.name for thread in threading.enumerate() if thread is not main]
    if names:
        return str(names[0])
    for task in tasks:
        if int(task) != os.getpid():
            try:
                with open(f"/proc/self/task/{task}/comm") as file:
                    return f"{file.read().strip()} (of a native library)"
            except OSError:
                continue
    return "unknown"
