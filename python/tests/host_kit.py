"""Owns the other end of the host's protocol in tests: starts real hosts, listens as Node does, watches processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 30.0
"""How long a test waits for what must come; never how long it takes."""

Frame = dict[str, Any]

_SOURCE = str(Path(__file__).parent.parent / "src")


@dataclass
class Spawned:
    """What Node knows of one generation: its frames from the host (`told`) and from the process itself (`frames`)."""

    node: HostNode
    generation: str
    nonce: str
    launch: Frame
    told: list[Frame] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    hellos: list[Frame] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=lambda: {"stdout": [], "stderr": []})
    control: asyncio.StreamWriter | None = None
    is_control_ended: bool = False

    async def wait(self, kind: str) -> Frame:
        """The first frame of a kind, of the host's or of the process's own."""

        def find() -> Frame | None:
            return next((frame for frame in [*self.told, *self.frames] if frame["type"] == kind), None)

        found: Frame | None = await self.node.until(lambda: find() or self.node.is_over or self._has_failed(kind))
        found = find()
        assert found is not None, f"no {kind}: {self.told} {self.frames} {self.lines}"
        return found

    def _has_failed(self, kind: str) -> bool:
        ended = [frame for frame in self.told if frame["type"] in ("exited", "spawn.failed")]
        return bool(ended) and (kind in ("spawned", "spawn.failed", "exited") or self.is_control_ended)

    async def control_ended(self) -> None:
        """Waits for the end of the control connection."""
        await self.node.until(lambda: self.is_control_ended)

    async def line(self, stream: str, text: str) -> str:
        """The first line of output that has this text."""
        found: str = await self.node.until(lambda: next((one for one in self.lines[stream] if text in one), None))
        return found

    async def run(self, prompt: Any, run: str = "r1") -> Any:
        """The result of one run, asked over the agent's Unix socket."""
        path = (await self.wait("ready"))["endpoint"]["path"]
        reader, writer = await asyncio.open_unix_connection(path)
        body = json.dumps({"prompt": prompt}).encode()
        name = self.launch["agent"]
        head = (
            f"POST /agents/{name}/run_sync HTTP/1.1\r\nhost: agent\r\nconnection: close\r\nx-axon-run: {run}\r\n"
            f"authorization: Bearer {self.launch['token']}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        try:
            writer.write(head.encode() + body)
            return await asyncio.wait_for(_answer(reader), SECONDS)
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> Any:
    # By its length: a process that the agent has forked may hold the connection open.
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(None, 1)[0])
    body = json.loads(await reader.readexactly(length))
    assert b" 200 " in head, body
    return body["result"]


class HostNode:
    """Node: one host, one socket, any number of generations. `folder` is the agents' directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
            sys.executable,
            *flags,
            "-m",
            "axon_agent.host",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            cwd=sys.prefix,
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
        spawned = Spawned(self, generation, secrets.token_hex(32), launch)
        self.spawned[generation] = spawned
        self.send(
            {
                "type": "spawn",
                "generation": generation,
                "nonce": nonce or spawned.nonce,
                "start": start,
                "env": {**self.environment, **(env or {})},
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
        for descriptor in (0, 1, 2):
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


def marked(system: str) -> list[int]:
    """Living processes that carry the system's mark in their environment."""
    mark = f"AXON_SYSTEM={system}".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                has_mark = mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
                state = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[0]
            except OSError:
                continue
            if has_mark and state not in b"ZX":
                found.append(int(name))
    return found


def state(pid: int) -> str:
    """The state that /proc shows; empty for a process that has gone or only waits to be reaped."""
    try:
        found = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()
    except OSError:
        return ""
    return "" if found in "ZX" else found


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    return state(pid) != ""


async def process_is(pid: int, wanted: str) -> None:
    """Waits until a process is in a state, "" for gone. The kernel tells nobody, so it is asked again and again."""

    async def watch() -> None:
        while state(pid) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    await asyncio.wait_for(watch(), SECONDS)
