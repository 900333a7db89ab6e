"""Owns the other end of the protocol in tests: listens as Node does, starts real processes, asks them over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

SECONDS = 30.0
"""How long a test waits for what must come; never how long it takes."""


@dataclass
class Agent:
    """One started process and the three connections it has opened."""

    process: asyncio.subprocess.Process
    token: str
    name: str
    nonce: str
    generation: str
    hellos: list[dict[str, Any]] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=lambda: {"stdout": [], "stderr": []})
    control: asyncio.StreamWriter | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    is_control_ended: bool = False
    is_paused: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, seen: Callable[[], Any], seconds: float = SECONDS) -> Any:
        """Waits until `seen()` is true, and returns it."""
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(seen), seconds)
        return seen()

    async def frame(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """The first frame of a kind with these fields, once it has come."""

        def find() -> dict[str, Any] | None:
            for frame in self.frames:
                if frame["type"] == kind and all(frame.get(key) == value for key, value in wanted.items()):
                    return frame
            return None

        found: dict[str, Any] = await self.until(lambda: find() or (self.is_control_ended and {"type": "none"}))
        assert found["type"] == kind, f"no {kind} before the end: {self.frames} {self.lines}"
        return found

    async def line(self, stream: str, text: str) -> str:
        """The first line of output that has this text."""
        found: str = await self.until(lambda: next((one for one in self.lines[stream] if text in one), None))
        return found

    def send(self, frame: dict[str, Any]) -> None:
        assert self.control is not None
        self.control.write(json.dumps(frame).encode() + b"\n")

    async def exit(self) -> int:
        return await asyncio.wait_for(self.process.wait(), SECONDS)

    async def ready(self) -> dict[str, Any]:
        return await self.frame("ready")

    async def failed(self) -> dict[str, Any]:
        """The `failed` frame, with the exit code checked."""
        frame = await self.frame("failed")
        assert await self.exit() == 1
        return frame

    async def draining(self) -> None:
        """Waits until the process says that it drains."""
        async with self.http() as client:
            while (await client.get("/health")).json()["status"] != "draining":
                pass

    def headers(self, run: str, deadline_ms: float | None = None) -> dict[str, str]:
        headers = {"x-axon-run": run, "x-axon-attempt": "1"}
        if deadline_ms is not None:
            headers["x-axon-deadline-ms"] = str(deadline_ms)
        return headers

    @contextlib.asynccontextmanager
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client with the token."""
        endpoint = (await self.ready())["endpoint"]
        headers = {"authorization": f"Bearer {self.token}"}
        if endpoint["kind"] == "unix":
            transport = httpx.AsyncHTTPTransport(uds=endpoint["path"])
            base = "http://agent"
        else:
            transport = httpx.AsyncHTTPTransport()
            base = f"http://127.0.0.1:{endpoint['port']}"
        async with httpx.AsyncClient(
            transport=transport, base_url=base, headers=headers, timeout=SECONDS, trust_env=False
        ) as client:
            yield client

    async def run(self, body: Any, run: str = "r1", *, route: str = "run_sync", **options: Any) -> httpx.Response:
        """One request of a run."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.http() as client:
            return await client.post(
                f"/agents/{self.name}/{route}", content=content, headers=self.headers(run, **options)
            )


def events(response: httpx.Response) -> list[tuple[int, str, Any]]:
    """A finished stream's events: id, name, data."""
    return [parse_event(block) for block in response.text.split("\n\n") if block and not block.startswith(":")]


def parse_event(block: str) -> tuple[int, str, Any]:
    fields = dict(line.split(": ", 1) for line in block.splitlines())
    return int(fields["id"]), fields["event"], json.loads(fields["data"])


class FakeNode:
    """Listens on a Unix socket, starts agents in `folder`, and ends them all when the test ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = tempfile.mkdtemp(prefix="axon-")
        self.path = os.path.join(self.runtime, "node.sock")
        self.agents: dict[str, Agent] = {}
        self.launch: dict[str, dict[str, Any] | bytes] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        # A small channel, so that it fills up while nobody reads.
        self._server = await asyncio.start_unix_server(self._accept, self.path, limit=4096)

    async def close(self) -> None:
        for agent in self.agents.values():
            agent.is_paused.set()
            if agent.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(agent.process.pid, signal.SIGKILL)
                await agent.process.wait()
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks)
        for name in os.listdir(self.runtime):
            os.unlink(os.path.join(self.runtime, name))
        os.rmdir(self.runtime)

    def module(self, source: str, name: str = "mod") -> str:
        """Writes a module into the agent's directory."""
        (self.folder / f"{name}.py").write_text(source)
        return name

    async def start(
        self,
        module: str,
        *,
        model: str | None = None,
        endpoint: dict[str, Any] | None = None,
        env: dict[str, str] | None = None,
        bootstrap: dict[str, Any] | None = None,
        launch: dict[str, Any] | bytes | None = None,
        is_paused: bool = False,
        command: list[str] | None = None,
        **changes: Any,
    ) -> Agent:
        """Starts a process; `launch` or `changes` alter its frame, `is_paused` leaves what follows ready unread."""
        number = len(self.agents)
        generation = f"writer/0#{number + 1}"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "error",
            *(command or ["-m", "axon_agent.agent"]),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
            cwd="/",
            env={**_clean_environment(), **(env or {})},
        )
        agent = Agent(process, secrets.token_hex(16), changes.get("agent", "writer"), secrets.token_hex(32), generation)
        if not is_paused:
            agent.is_paused.set()
        self.agents[generation] = agent
        self.launch[generation] = launch or {
            "type": "launch",
            "token": agent.token,
            "agent": agent.name,
            "module": module,
            "model": model,
            "cwd": str(self.folder),
            "endpoint": endpoint or {"kind": "unix", "path": os.path.join(self.runtime, f"agent{number}.sock")},
            "shutdownMs": 5000,
            "heartbeatMs": 2000,
            "unknown": {"future": True},
            **changes,
        }
        line = {"protocol": 1, "socket": self.path, "generation": generation, "nonce": agent.nonce, **(bootstrap or {})}
        assert process.stdin is not None
        process.stdin.write(json.dumps(line).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()
        process.stdin.close()
        return agent

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        hello = json.loads(await reader.readline())
        agent = self.agents[hello["generation"]]
        assert hello["nonce"] == agent.nonce
        async with agent.changed:
            agent.hellos.append(hello)
            agent.changed.notify_all()
        if hello["stream"] == "control":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            agent.control = writer
            launch = self.launch[hello["generation"]]
            writer.write(launch if isinstance(launch, bytes) else json.dumps(launch).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            while data := await reader.readline():
                async with agent.changed:
                    if hello["stream"] == "control":
                        agent.frames.append(json.loads(data))
                    else:
                        agent.lines[hello["stream"]].append(data.decode().rstrip("\n"))
                    agent.changed.notify_all()
                if hello["stream"] == "control" and any(frame["type"] == "ready" for frame in agent.frames):
                    await agent.is_paused.wait()
        if hello["stream"] == "control":
            async with agent.changed:
                agent.is_control_ended = True
                agent.changed.notify_all()


def _clean_environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
    source = str(Path(__file__).parent.parent / "src")
    return {**kept, "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}
