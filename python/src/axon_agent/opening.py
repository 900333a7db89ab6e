"""Owns how a host opens: its pipes, its first line, and its second start where it could not fork after the first.

1. After `take_pipes` nothing that is loaded into the host can read Node's requests or write among its frames.
2. The first line is read to its last byte and not beyond: the rest belongs to whichever interpreter comes after.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

from axon_agent.protocol import PROTOCOL_VERSION, FrameError, decode_frame

_MAX_LINE = 1024 * 1024


@dataclass(frozen=True)
class Opened:
    """What the `open` line says, and what a host that starts anew remembers: when it began, and why it cannot fork."""

    socket: str
    preload: list[str]
    warm: bool
    began: float
    system: str = ""
    why: str | None = None


def take_pipes() -> tuple[int, int]:
    """Moves Node's pipes away, so that what is preloaded can neither read requests nor print frames."""
    inbox = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    outbox = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return inbox, outbox


def read_open(inbox: int, began: float) -> Opened:
    """The first line, to its last byte and not beyond: what follows may be read by the interpreter after this one."""
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < _MAX_LINE:
        byte = os.read(inbox, 1)
        if not byte:
            os._exit(0)
        line += byte
    match _parsed(line):
        case {"type": "open", "protocol": int(protocol), "socket": str(socket), "preload": list(preload)} as opened:
            if protocol != PROTOCOL_VERSION:
                _refuse(f"Node speaks protocol {protocol}, the environment's axon_agent {PROTOCOL_VERSION}")
            names = [str(name) for name in preload]
            return Opened(socket, names, opened.get("warm") is not False, began, str(opened.get("system", "")))
    _refuse("axon_agent.host is started by Axon, not by hand: its first line is no `open`")


def _parsed(line: bytes | bytearray) -> dict[str, Any]:
    try:
        return decode_frame(bytes(line))
    except FrameError:
        return {}


def _refuse(message: str) -> NoReturn:
    os.write(2, f"{message}\n".encode())
    os._exit(2)


def start_again(inbox: int, outbox: int, opened: Opened) -> NoReturn:
    # The threads that a preload has left end with the program they belong to: only exec is rid of them.
    os.dup2(inbox, 0)
    os.dup2(outbox, 1)
    os.execv(sys.executable, [sys.executable, "-m", "axon_agent.host", "--again", json.dumps(vars(opened))])
