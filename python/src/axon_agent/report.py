"""Owns what a replica on a cluster tells of itself where there is no control connection: what it uses, and what it has
said since it was last asked.

1. What is said goes where it would have gone as well.
2. Memory is bounded: of what nobody asks for the oldest lines go, and how many bytes they had is told.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import MutableMapping
from typing import Annotated, Any, NamedTuple, TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from axon_agent import memory
from axon_agent.answers import Send, send_error, send_json
from axon_agent.app import Receive, Scope, read_body
from axon_agent.errors import RunError
from axon_agent.runs import Runs

MAX_KEPT_BYTES = 256 * 1024
MAX_LINE_CHARS = 16 * 1024


class Line(NamedTuple):
    """A line of one stream; `end` is how many bytes both streams had said when it ended."""

    stream: str
    text: str
    end: int


class Output:
    """What was last said on standard output and error, by lines. Any thread may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: deque[Line] = deque()
        self._begin = 0
        """Of the oldest line that is kept."""
        self._end = 0

    def add(self, stream: str, text: str) -> None:
        """Keeps a line."""
        kept = text[:MAX_LINE_CHARS]
        with self._lock:
            self._end += len(kept.encode("utf-8", "replace")) + 1
            self._lines.append(Line(stream, kept, self._end))
            while self._end - self._begin > MAX_KEPT_BYTES:
                self._begin = self._lines.popleft().end

    def since(self, after: int) -> dict[str, Any]:
        """`{ end, dropped, lines }`: what was said after so many bytes, and how many bytes of that are lost."""
        with self._lock:
            lines = [(line.stream, line.text) for line in self._lines if line.end > after]
            return {"end": self._end, "dropped": max(0, self._begin - after), "lines": lines}

    def listen(self) -> None:
        """From now on keeps what this process says."""
        sys.stdout = Tee(sys.stdout, "stdout", self)
        sys.stderr = Tee(sys.stderr, "stderr", self)


class Tee:
    """A stream whose lines are kept as well."""

    def __init__(self, stream: TextIO, name: str, output: Output) -> None:
        self._stream = stream
        self._name = name
        self._output = output
        self._lock = threading.Lock()
        self._pending = ""

    def write(self, text: str) -> int:
        """Writes, and keeps what is whole lines by now."""
        written = self._stream.write(text)
        with self._lock:
            *lines, pending = (self._pending + text).split("\n")
            # No line is longer, ended or not.
            self._pending = pending[:MAX_LINE_CHARS]
        for line in lines:
            self._output.add(self._name, line)
        return written

    def writelines(self, lines: list[str]) -> None:
        """Writes each of them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Asked(BaseModel):
    """The body of a question. `after`: by replica, the `end` that it has last told; what it said before is known."""

    model_config = ConfigDict(extra="forbid", strict=True)

    after: Annotated[dict[str, Annotated[int, Field(ge=0)]], Field(max_length=10_000)] = {}


class Report:
    """`POST /agents/{name}/report`, of one replica."""

    def __init__(self, replica: str, runs: Runs, output: Output) -> None:
        self._replica = replica
        self._runs = runs
        self._output = output

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if body is None:
            return
        try:
            asked = Asked.model_validate_json(body)
        except ValidationError as invalid:
            error = RunError("RUN_REQUEST_INVALID", f"The question is not valid: {invalid}", status=422)
            await send_error(send, error, error.body(self._runs.agent))
            return
        await send_json(send, 200, json.dumps(self._told(asked.after.get(self._replica, 0))).encode())

    def _told(self, after: int) -> MutableMapping[str, Any]:
        return {
            "replica": self._replica,
            "pid": os.getpid(),
            "rss": memory.resident_bytes(),
            "cpu": time.process_time(),
            "in_flight": self._runs.in_flight,
            "output": self._output.since(after),
        }
