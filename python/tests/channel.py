"""Owns a control connection whose other end is the test's, and can be filled up."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any

from axon_agent.control import Control


class Ends:
    """A control connection whose other end the test reads."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.far.settimeout(30)
        self.gone = threading.Event()
        self.control = Control(self.near, self.gone.set)
        self.lines = self.far.makefile("rb")

    def fill(self) -> int:
        """Fills the channel to its last byte; returns how many bytes it took."""
        taken = 0
        for size in (1024, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    taken += self.near.send(b" " * size, socket.MSG_DONTWAIT)
        return taken

    def frame(self) -> Any:
        return json.loads(self.lines.readline())

    def __enter__(self) -> Ends:
        return self

    def __exit__(self, *_: object) -> None:
        self.lines.close()
        self.near.close()
        self.far.close()
