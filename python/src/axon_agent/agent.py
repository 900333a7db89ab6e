"""Owns the start of an agent's process, `python -m axon_agent.agent`, from the bootstrap line to the exit code.

1. Every failure after the hello is told as `failed`, then the process exits with code 1. Without Node it goes quietly.
2. Until output and control are connected, only the standard library is imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

from axon_agent.connect import connect, die_with_parent, take_bootstrap
from axon_agent.control import Control
from axon_agent.errors import StartError, describe
from axon_agent.protocol import PROTOCOL_VERSION, Bootstrap, FrameError, Launch, read_launch

if TYPE_CHECKING:
    from axon_agent.bind import Listener


def main() -> NoReturn:
    """The entry of a process started by exec."""
    parent = os.getppid()
    gc.disable()  # until it serves: imports make only what stays
    # The directory that the process was started in is not the agent's.
    if sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent(parent)
    try:
        bootstrap = take_bootstrap()
    except Exception as error:
        leave(2, f"axon_agent.agent is started by Axon, not by hand: {error}")
    run(bootstrap)


def run(bootstrap: Bootstrap) -> NoReturn:
    """The life of an agent's process, forked or executed, from the bootstrap line on."""
    try:
        control = Control(connect(bootstrap))
    except OSError:
        os._exit(1)
    faulthandler.enable()
    try:
        _serve(bootstrap, control)
    except StartError as error:
        failure = error
    except SystemExit as error:
        # User code asked for it outside of a run's own task, in a tool for example.
        leave(error.code if isinstance(error.code, int) else 1)
    except BaseException as error:
        message = f"The agent's process met an unexpected error: {describe(error)}"
        failure = StartError.caused("serve", "INTERNAL_ERROR", message, error)
    else:
        leave(0)
    with contextlib.suppress(OSError):
        control.tell(failure.frame())
    leave(1)


def leave(code: int, last_words: str = "") -> NoReturn:
    """Ends the process now, with what it has printed."""
    if last_words:
        print(last_words, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


def _serve(bootstrap: Bootstrap, control: Control) -> None:
    launch = _take_launch(bootstrap, control)
    from axon_agent import bind  # noqa: PLC0415

    # Before the sandbox, in which no such socket can be made; and that before there are threads.
    listener = bind.bind(launch.endpoint)
    try:
        if launch.sandbox is not None:
            _enter_sandbox(launch.sandbox, control)
        _serve_on(listener, bootstrap, launch, control)
    finally:
        listener.remove()


def _serve_on(listener: Listener, bootstrap: Bootstrap, launch: Launch, control: Control) -> None:
    from axon_agent import loader, logs, serve, tools  # noqa: PLC0415

    inbox = _Inbox()
    tools.open_desk([tools.RemoteTool(**tool) for tool in launch.tools], control.say)
    control.listen(lambda frame: None if tools.hear(frame) else inbox.put(frame))
    _enter(launch.cwd)
    logs.set_up_logs()
    sys.path.insert(0, launch.cwd)
    runner = loader.load(launch.module, launch.model)
    loop = serve.new_event_loop()
    asyncio.set_event_loop(loop)

    async def serving() -> None:
        service = serve.Service(bootstrap, launch, runner, control, listener)
        inbox.open(loop, service.on_frame)
        serve.settle_memory()
        await service.run()

    loop.run_until_complete(serving())


def _take_launch(bootstrap: Bootstrap, control: Control) -> Launch:
    if bootstrap.protocol != PROTOCOL_VERSION:
        message = (
            f"Node speaks protocol {bootstrap.protocol}, the environment's axon_agent {PROTOCOL_VERSION}. "
            "Make the environment again."
        )
        raise StartError("launch", "PROTOCOL_MISMATCH", message)
    try:
        return read_launch(control.read())
    except FrameError as error:
        raise StartError.caused("launch", "PROTOCOL_INVALID_FRAME", str(error), error) from error
    except EOFError:
        os._exit(1)


def _enter_sandbox(wire: dict[str, Any], control: Control) -> None:
    from axon_agent import sandbox  # noqa: PLC0415

    try:
        order = sandbox.read_order(wire)
    except ValueError as error:
        raise StartError.caused("launch", "PROTOCOL_INVALID_FRAME", f"launch: {error}", error) from error
    # A new interpreter was started without them: what lies there may be the agent's own to write.
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [path for path in paths if path and path not in sys.path]
    control.tell({"type": "sandboxed", "achieved": sandbox.enter(order)})


def _enter(cwd: str) -> None:
    try:
        os.chdir(cwd)
    except OSError as error:
        message = f"The agent's directory {cwd} cannot be entered: {error.strerror}."
        raise StartError.caused("launch", "CONFIG_INVALID", message, error) from error


class _Inbox:
    """Keeps Node's frames until the event loop can take them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[dict[str, Any]] = []
        self._deliver: Any = None

    def put(self, frame: dict[str, Any]) -> None:
        with self._lock:
            if self._deliver is None:
                self._kept.append(frame)
                return
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is leaving
            self._deliver(frame)

    def open(self, loop: asyncio.AbstractEventLoop, on_frame: Any) -> None:
        with self._lock:
            self._deliver = lambda frame: loop.call_soon_threadsafe(on_frame, frame)
            for frame in self._kept:
                self._deliver(frame)


if __name__ == "__main__":
    main()
