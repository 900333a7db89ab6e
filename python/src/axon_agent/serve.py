"""Owns serving: the event loop, uvicorn, signals, and the way a process drains and leaves. Knows no frameworks.

1. Signals belong to this file. uvicorn would put handlers of its own in place and raise the signal again at its end.
2. The process leaves through `os._exit`: threads of user code cannot keep it, and what was inherited is not run again.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn

from axon_agent.adapters import Runner
from axon_agent.app import AgentApp, bearer, facts
from axon_agent.bind import BACKLOG, Listener
from axon_agent.control import Control
from axon_agent.heartbeat import start_heartbeat
from axon_agent.protocol import RUN_ID, Bootstrap, Launch
from axon_agent.runs import Runs

_CLEANUP_SECONDS = 0.25
_FLUSH_SECONDS = 0.25
_POLL_SECONDS = 0.005
_ATTEMPTS = 2**53
"""Node counts no further."""


class Server(uvicorn.Server):
    """uvicorn without its signals and its clock: it serves until `done` is set."""

    def __init__(self, config: uvicorn.Config, done: asyncio.Event) -> None:
        super().__init__(config)
        self._done = done
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def install_signal_handlers(self) -> None:
        """Nothing: see the head of this file."""

    async def main_loop(self) -> None:
        self.up.set()
        await self._done.wait()

    async def shutdown(self, sockets: Any = None) -> None:
        """Closes what listens and what is idle, and waits a moment for what is being written."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        loop = asyncio.get_running_loop()
        until = loop.time() + _FLUSH_SECONDS
        while self.server_state.connections and loop.time() < until:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_POLL_SECONDS)


class Service:
    """One agent being served. `draining` ends the process once nothing runs, or when `shutdown_ms` have passed."""

    def __init__(
        self, bootstrap: Bootstrap, launch: Launch, runner: Runner, control: Control, listener: Listener
    ) -> None:
        self._launch = launch
        self._control = control
        self._listener = listener
        self._done = asyncio.Event()
        self._runs = Runs(launch.agent, runner, control)
        self._app = AgentApp(self._runs, bearer(launch.token), bootstrap.generation)

    async def run(self) -> None:
        """Serves until drained."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        server = Server(_config(self._app), self._done)
        serving = loop.create_task(server.serve(sockets=[self._listener.socket]))
        up = loop.create_task(server.up.wait())
        await asyncio.wait([serving, up], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._done.is_set():  # drained before it was ready
            await serving
            return
        if serving.done():
            await serving
            raise RuntimeError("uvicorn ended before it served")
        self._tell_ready()
        start_heartbeat(self._control.tell, loop, self._launch.heartbeat_ms, lambda: self._runs.in_flight)
        await serving

    def on_frame(self, frame: dict[str, Any]) -> None:
        """Takes a frame of Node's, on the event loop. One that can name no attempt of a run is ignored."""
        match frame:
            case {"type": "cancel" | "revoke" as kind, "run": str(run), "attempt": int(attempt)}:
                if not RUN_ID.fullmatch(run) or not 0 < attempt < _ATTEMPTS:
                    return
                if kind == "revoke":
                    self._runs.revoke(run, attempt)
                else:
                    self._runs.cancel(run, attempt, has_come=frame.get("started") is True)
            case {"type": "drain"}:
                self.drain()

    def drain(self) -> None:
        """Refuses what comes, waits for what runs. A second call changes nothing."""
        if not self._runs.is_draining:
            asyncio.get_running_loop().call_later(self._launch.shutdown_ms / 1000, self._force)
            self._runs.drain(self._done.set)

    def _signalled(self) -> None:
        if self._runs.is_draining:
            self._force()
        else:
            self.drain()

    def _force(self) -> None:
        # What ends in time after its cancellation still answers; the rest is left behind.
        self._runs.interrupt()
        asyncio.get_running_loop().call_later(_CLEANUP_SECONDS, self._done.set)

    def _tell_ready(self) -> None:
        self._control.tell(
            {
                "type": "ready",
                "endpoint": self._listener.endpoint.wire(),
                "agent": facts(self._runs),
            }
        )


def _config(app: AgentApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools" if sys.platform != "win32" else "h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
    )


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, where it exists."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def settle_memory() -> None:
    """What start-up made stays for ever: the collector need not look at it again."""
    gc.freeze()
    gc.enable()
