"""Owns the other end of the host's protocol in tests: starts real hosts, listens as Node does, watches processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processes import SECONDS, marked
from spawned import Frame, Spawned

_SOURCE = str(Path(__file__).parent.parent / "src")


class HostNode:
    """Node: one host of an interpreter, one socket, any number of generations. `folder` is the agents' directory."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.python = python
        self.runtime = tempfile.mkdtemp(prefix="axon-")
        self.path = os.path.join(self.runtime, "axon.sock")
        self.system = secrets.token_hex(8)
        self.frames: list[Frame] = []
        self.spawned: dict[str, Spawned] = {}
        self.refused: list[Frame] = []
        self.errors: list[str] = []
        self.is_over = False
        self.process: asyncio.subprocess.Process | None = None
        self.source_and_folder = f"{_SOURCE}{os.pathsep}{folder}"
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(
        self,
        *,
        preload: list[str] | None = None,
        warm: bool = True,
        env: dict[str, str] | None = None,
        first: bytes | None = None,
        flags: tuple[str, ...] = (),
    ) -> None:
        """Listens and starts the host. `first` replaces its first line."""
        self._server = await asyncio.start_unix_server(self._accept, self.path, backlog=512, limit=2**20)
        self.environment = {**os.environ, "PYTHONPATH": _SOURCE, "AXON_SYSTEM": self.system, **(env or {})}
        self.process = await asyncio.create_subprocess_exec(
            self.python,
            *flags,
            "-m",
            "axon_agent.host",
            os.path.join(self.folder, "axon-not-made"),
            self.runtime,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            cwd=Path(self.python).parent.parent,
            env=self.environment,
        )
        self._keep(self._listen())
        self._keep(self._hear())
        opened = {
            "protocol": 1,
            "type": "open",
            "system": self.system,
            "socket": self.path,
            "preload": preload or [],
            "warm": warm,
        }
        self.write(first if first is not None else json.dumps(opened).encode() + b"\n")

    async def ready(self) -> Frame:
        """The host's `host.ready`."""
        found: Frame = await self.until(
            lambda: next((f for f in self.frames if f["type"] == "host.ready"), None) or self.is_over
        )
        assert isinstance(found, dict), f"the host has ended: {self.errors}"
        return found

    def write(self, data: bytes) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def send(self, frame: Frame) -> None:
        self.write(json.dumps(frame).encode() + b"\n")

    def spawn(
        self,
        module: str,
        *,
        start: str = "warm",
        name: str = "writer",
        env: dict[str, str] | None = None,
        limits: Frame | None = None,
        nonce: str | None = None,
        model: str | None = None,
    ) -> Spawned:
        """Asks for a process of the next generation."""
        number = len(self.spawned)
        generation = f"{name}/0#{number + 1}"
        environment = {**self.environment, **(env or {})}
        launch = {
            "type": "launch",
            "token": secrets.token_hex(16),
            "agent": name,
            "module": module,
            "model": model,
            "cwd": str(self.folder),
            "endpoint": {"kind": "unix", "path": os.path.join(self.runtime, f"agent{number}.sock")},
            "shutdownMs": 5000,
            "heartbeatMs": 2000,
        }
        spawned = Spawned(self, generation, secrets.token_hex(32), launch, environment)
        self.spawned[generation] = spawned
        self.send(
            {
                "type": "spawn",
                "generation": generation,
                "nonce": nonce or spawned.nonce,
                "start": start,
                **({"limits": limits} if limits else {}),
            }
        )
        return spawned

    def module(self, source: str, name: str = "mod") -> str:
        """Writes a module into the agents' directory."""
        (self.folder / f"{name}.py").write_text(source)
        return name

    async def until(self, seen: Callable[[], Any]) -> Any:
        """Waits until `seen()` is true, and returns it."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(seen), SECONDS)
        return seen()

    def told(self, kind: str) -> Any:
        """The first frame of a kind from the host; None while there is none."""
        return next((frame for frame in self.frames if frame["type"] == kind), None)

    def pause(self) -> None:
        """Reads none of the host's frames."""
        assert self.process is not None
        self.process._transport.get_pipe_transport(1).pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        """Reads them again."""
        assert self.process is not None
        self.process._transport.get_pipe_transport(1).resume_reading()  # type: ignore[attr-defined]

    async def ended(self) -> int:
        """The exit status of the guard."""
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), SECONDS)

    def hang_up(self) -> None:
        """What the kernel does when Node is killed: its ends of the pipes are closed, whatever is still unread."""
        assert self.process is not None
        transport = self.process._transport  # type: ignore[attr-defined]
        # Closing would wait for what the host has not read.
        transport.get_pipe_transport(0).abort()
        for descriptor in (1, 2):
            transport.get_pipe_transport(descriptor).close()

    async def close(self) -> None:
        """Ends everything, and asserts that nothing is left."""
        if self.process is not None:
            with contextlib.suppress(Exception):
                self.hang_up()
            await self.ended()
            self.process._transport.close()  # type: ignore[attr-defined]
            left = marked(self.system)
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            assert left == []
        if os.path.isdir(self.runtime):
            for name in os.listdir(self.runtime):
                os.unlink(os.path.join(self.runtime, name))
            os.rmdir(self.runtime)

    def _keep(self, work: Any) -> None:
        self._tasks.add(asyncio.ensure_future(work))

    async def _told(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _listen(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            frame = json.loads(line)
            self.frames.append(frame)
            if frame.get("generation") in self.spawned:
                self.spawned[frame["generation"]].told.append(frame)
            await self._told()
        self.is_over = True
        await self._told()

    async def _hear(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.errors.append(line.decode().rstrip("\n"))
            await self._told()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = json.loads(await reader.readline() or b"{}")
        agent = self.spawned.get(hello.get("generation", ""))
        if agent is None or hello["nonce"] != agent.nonce:
            self.refused.append(hello)
            await self._told()
            return
        agent.hellos.append(hello)
        stream = hello["stream"]
        if stream == "control":
            agent.control = writer
            writer.write(json.dumps(agent.launch).encode() + b"\n")
        if stream == "stdout":
            writer.write(json.dumps({"type": "environment", "variables": agent.environment}).encode() + b"\n")
        await self._told()
        with contextlib.suppress(ConnectionError):
            while data := await reader.readline():
                if stream == "control":
                    agent.frames.append(json.loads(data))
                else:
                    agent.lines[stream].append(data.decode().rstrip("\n"))
                await self._told()
        if stream == "control":
            agent.is_control_ended = True
            await self._told()
