"""Owns the frames between Node and an agent's process and the names of headers. Requests are `request.py`'s.

The same shapes stand in `src/protocol/control.ts`; docs/protocol.md describes both. Does no input or output, and
imports the standard library only: a process speaks before it loads anything that may be broken.

1. A frame is one line of JSON, UTF-8, at most `MAX_FRAME_BYTES` with its newline.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

PROTOCOL_VERSION = 1
MAX_FRAME_BYTES = 1024 * 1024

RUN_HEADER = b"x-axon-run"
ATTEMPT_HEADER = b"x-axon-attempt"
DEADLINE_HEADER = b"x-axon-deadline-ms"
BEGIN_HEADER = b"x-axon-begin-ms"
STARTED_HEADER = b"x-axon-started"

RUN_ID = re.compile(r"[A-Za-z0-9._:/#-]{1,200}")
GENERATION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}/\d{1,15}#\d{1,15}")
LONGEST_MS = 30 * 24 * 3600 * 1000.0
"""No timer reaches further."""


class FrameError(Exception):
    """A frame that cannot be read, or one that is too long to be sent."""


@dataclass(frozen=True)
class Bootstrap:
    """The line that a new process reads from its standard input. `nonce` is good once for each stream.

    `connected` names the streams that stand already: what started the process has opened them for it.
    """

    protocol: int
    socket: str
    generation: str
    nonce: str
    connected: tuple[str, ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """Where HTTP is served: a Unix socket's `path`, or `host` and `port` (0: the kernel chooses)."""

    kind: Literal["unix", "tcp"]
    path: str = ""
    host: str = "127.0.0.1"
    port: int = 0

    def wire(self) -> dict[str, Any]:
        """The endpoint as a frame tells it."""
        if self.kind == "unix":
            return {"kind": "unix", "path": self.path}
        return {"kind": "tcp", "host": self.host, "port": self.port}


@dataclass(frozen=True)
class Launch:
    """What Node asks of the process. Times are in milliseconds."""

    token: str
    agent: str
    module: str
    model: str | None
    cwd: str
    endpoint: Endpoint
    shutdown_ms: float
    heartbeat_ms: float
    tools: tuple[dict[str, Any], ...] = ()
    """Those that Node has: `{ name, description, parameters }` each."""
    sandbox: dict[str, Any] | None = None
    """As Node has sent it: `sandbox.read_order` reads it."""


def encode_frame(frame: dict[str, Any]) -> bytes:
    """One frame, newline included; `FrameError` when it is longer than a frame may be."""
    data = json.dumps(frame, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    if len(data) > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {len(data)} bytes is longer than {MAX_FRAME_BYTES}")
    return data


def decode_frame(line: bytes) -> dict[str, Any]:
    """A frame from a line; `FrameError` unless it is an object with a `type`."""
    try:
        frame = _read(line)
    except ValueError as error:
        raise FrameError(f"a frame is no JSON: {error}") from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise FrameError("a frame is an object with a `type`")
    return frame


class FrameSplitter:
    """Cuts a stream of bytes into lines, whatever the pieces it arrives in."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without newlines; `FrameError` when one is too long."""
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += rest
        if len(self._rest) >= MAX_FRAME_BYTES or any(len(line) >= MAX_FRAME_BYTES for line in lines):
            raise FrameError(f"a frame is longer than {MAX_FRAME_BYTES} bytes")
        return lines


def read_bootstrap(line: bytes) -> Bootstrap:
    """The bootstrap line; `FrameError` when it is none."""
    return _typed(line, Bootstrap, {"protocol": int, "socket": str, "generation": str, "nonce": str})


def read_launch(frame: dict[str, Any]) -> Launch:
    """The `launch` frame; `FrameError` naming the first field that is wrong."""
    if frame["type"] != "launch":
        raise FrameError(f"expected `launch`, got `{frame['type']}`")
    for key in ("token", "agent", "module", "cwd"):
        if not isinstance(frame.get(key), str) or not frame[key]:
            raise FrameError(f"launch: `{key}` is no text")
    if not isinstance(frame.get("model"), str | None):
        raise FrameError("launch: `model` is neither text nor null")
    for key in ("shutdownMs", "heartbeatMs"):
        if not isinstance(frame.get(key), int | float) or isinstance(frame[key], bool) or frame[key] < 0:
            raise FrameError(f"launch: `{key}` is no number of milliseconds")
    if not isinstance(frame.get("tools", []), list):
        raise FrameError("launch: `tools` is no list")
    return Launch(
        token=frame["token"],
        agent=frame["agent"],
        module=frame["module"],
        model=frame.get("model"),
        cwd=frame["cwd"],
        endpoint=_endpoint(frame.get("endpoint")),
        shutdown_ms=min(frame["shutdownMs"], LONGEST_MS),
        heartbeat_ms=min(max(frame["heartbeatMs"], 10), LONGEST_MS),
        tools=tuple(_tool(wire) for wire in frame.get("tools", ())),
        sandbox=frame.get("sandbox"),
    )


def _endpoint(wire: Any) -> Endpoint:
    match wire:
        case {"kind": "unix", "path": str(path)} if path:
            return Endpoint("unix", path=path)
        case {"kind": "tcp", "host": "127.0.0.1", "port": int(port)} if 0 <= port <= 65535 and port is not True:
            return Endpoint("tcp", port=port)
    raise FrameError("launch: `endpoint` is neither a Unix socket's path nor a port on 127.0.0.1")


def _tool(wire: Any) -> dict[str, Any]:
    match wire:
        case {"name": str(), "description": str(), "parameters": dict()}:
            return {key: wire[key] for key in ("name", "description", "parameters")}
    raise FrameError("launch: one of `tools` has no name, description or parameters")


def _read(line: bytes) -> Any:
    try:
        return json.loads(line.decode(), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _typed(line: bytes, into: type[Bootstrap], fields: dict[str, type]) -> Bootstrap:
    try:
        read = _read(line)
    except ValueError as error:
        raise FrameError(f"the bootstrap line is no JSON: {error}") from error
    if not isinstance(read, dict) or any(not isinstance(read.get(key), kind) for key, kind in fields.items()):
        raise FrameError(f"the bootstrap line needs {', '.join(fields)}")
    connected = read.get("connected")
    return into(**{key: read[key] for key in fields}, connected=tuple(connected) if isinstance(connected, list) else ())
