"""Owns what a test knows of one generation under a host: what was told of it, what it said, and how it is asked."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from processes import SECONDS

if TYPE_CHECKING:
    from host_kit import HostNode

Frame = dict[str, Any]


@dataclass
class Spawned:
    """What Node knows of one generation: its frames from the host (`told`) and from the process itself (`frames`)."""

    node: HostNode
    generation: str
    nonce: str
    launch: Frame
    environment: dict[str, str]
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
        body = json.dumps({"prompt": prompt}).encode()
        return (await self._ask(f"POST /agents/{self.launch['agent']}/run_sync", run, body))["result"]

    async def health(self, field: str) -> Any:
        """What the process says of itself, beside its runs."""
        return (await self._ask("GET /health", "health", b""))[field]

    async def _ask(self, route: str, run: str, body: bytes) -> Any:
        path = (await self.wait("ready"))["endpoint"]["path"]
        reader, writer = await asyncio.open_unix_connection(path)
        head = (
            f"{route} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\nx-axon-run: {run}\r\n"
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
    return body
