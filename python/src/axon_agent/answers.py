"""Owns the HTTP answer of a run: one JSON body, or a stream of server-sent events. Knows nothing of tasks or agents.

1. An answer ends once: the first of `result` and `fail` wins, the other does nothing.
2. A stream never ends without `run.result` or `run.error`.
3. Sending waits while the reader is slow, and so does the agent that is asked for more.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from axon_agent.adapters.base import Outcome, encode
from axon_agent.errors import RunError
from axon_agent.protocol import STARTED_HEADER

_EVENTS_AT_ONCE = 16
"""Sending waits only while the reader is slow. An agent that never waits would keep the loop from all else: from
hearing that the reader has gone, from a cancel, from every other run."""

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON = (b"content-type", b"application/json")
_NOT_STARTED = (STARTED_HEADER, b"false")
_SPACE = {"type": "http.response.body", "body": b" ", "more_body": True}


async def send_json(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    """A whole response."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [_JSON, length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: RunError, body: bytes) -> None:
    """An error as a whole response, marked as not started where it was refused."""
    await send_json(send, error.status, body, *_marks(error))


def _marks(error: RunError) -> list[tuple[bytes, bytes]]:
    return [_NOT_STARTED] if error.code == "RUN_REJECTED" else []


class JsonAnswer:
    """The answer of `run_sync`. One whose run waits for a person, or lasts longer than `begin_ms`, begins early, so
    that nobody takes it for lost: status 200, and a space after each `keep_alive` seconds. An error is then told by the
    body alone.
    """

    def __init__(self, send: Send, keep_alive: float) -> None:
        self._send = send
        self._keep_alive = keep_alive
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        """The last that was sent before the end; None where the answer has not begun."""
        self.begin_ms: float | None = None
        self.is_ended = False

    emit = None

    async def begin(self, run: str) -> None:
        """The run begins; nothing is told of it before `begin_ms`."""
        if self.begin_ms is not None and not self.is_ended:
            self._timer = asyncio.get_running_loop().call_later(self.begin_ms / 1000, self._open)

    async def approval(self, data: dict[str, Any]) -> None:
        """Begins, and keeps the connection awake from now on."""
        if not self.is_ended:
            # Whoever is asked, the run may be cancelled meanwhile.
            await asyncio.shield(self._open())

    def drop(self) -> None:
        """The reader is gone: nothing is sent any more."""
        self.is_ended = True
        if self._timer is not None:
            self._timer.cancel()

    async def result(self, outcome: Outcome) -> None:
        """Ends with status 200."""
        if not self.is_ended:
            await self._end(200, outcome.body())

    async def fail(self, error: RunError, body: bytes) -> None:
        """Ends with the error's status."""
        if not self.is_ended:
            await self._end(error.status, body, *_marks(error))

    async def _end(self, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        self.drop()
        if self._sending is None:
            await send_json(self._send, status, body, *headers)
        else:
            await self._sending
            await self._send({"type": "http.response.body", "body": body})

    def _open(self) -> asyncio.Task[None]:
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._begin())
        return self._sending

    async def _begin(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": [_JSON]})
        await self._stay_awake()

    async def _stay_awake(self) -> None:
        await self._send(_SPACE)
        if not self.is_ended:
            self._timer = asyncio.get_running_loop().call_later(self._keep_alive, self._say_more)

    def _say_more(self) -> None:
        self._sending = asyncio.get_running_loop().create_task(self._stay_awake())


class StreamAnswer:
    """The answer of `run_stream`. A comment is sent after each `keep_alive` seconds without an event."""

    def __init__(self, send: Send, keep_alive: float) -> None:
        self._send = send
        self._keep_alive = keep_alive
        self._next_id = 1
        self._has_begun = False
        self._sending = 0
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        self.begin_ms: float | None = None
        """Says nothing here: a stream begins at once."""
        self.is_ended = False

    async def begin(self, run: str) -> None:
        """Sends the status line and `run.started`."""
        if self.is_ended:
            return
        self._has_begun = True
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._event("run.started", json.dumps({"run_id": run}).encode())
        self._watch()

    async def emit(self, event: str, data: Any) -> None:
        """Sends one event. A run whose answer has ended is stopped here."""
        if self.is_ended:
            raise asyncio.CancelledError
        await self._event(event, encode(data, f"event {event}"))
        if self._next_id % _EVENTS_AT_ONCE == 0:
            await asyncio.sleep(0)

    async def approval(self, data: dict[str, Any]) -> None:
        """Tells that a person is asked."""
        await self.emit("tool.approval", data)

    async def result(self, outcome: Outcome) -> None:
        """Ends with `run.result`."""
        if not self.is_ended:
            await self._end("run.result", outcome.body())

    async def fail(self, error: RunError, body: bytes) -> None:
        """Ends with `run.error`, or with the error's status where nothing has been sent."""
        if self.is_ended:
            return
        if self._has_begun:
            await self._end("run.error", body)
        else:
            self.is_ended = True
            await send_error(self._send, error, body)

    async def _end(self, event: str, data: bytes) -> None:
        self.is_ended = True
        if self._timer is not None:
            self._timer.cancel()
        await self._event(event, data, more=False)

    async def _event(self, event: str, data: bytes, *, more: bool = True) -> None:
        # The number is taken before the wait, so that events are numbered in the order in which they are sent.
        text = b"id: %d\nevent: %s\ndata: %s\n\n" % (self._next_id, event.encode(), data)
        self._next_id += 1
        await self._put(text, more)

    async def _put(self, text: bytes, more: bool = True) -> None:
        self._sending += 1
        try:
            await self._send({"type": "http.response.body", "body": text, "more_body": more})
        finally:
            self._sending -= 1
            self._last = asyncio.get_running_loop().time()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        idle = loop.time() - self._last
        if idle >= self._keep_alive and not self._sending:
            self._comment = loop.create_task(self._put(b": keep-alive\n\n"))
            idle = 0.0
        wait = self._keep_alive - idle if idle < self._keep_alive else self._keep_alive
        self._timer = loop.call_later(wait, self._watch)

    def drop(self) -> None:
        """The reader is gone: nothing is sent any more."""
        self.is_ended = True
        if self._timer is not None:
            self._timer.cancel()


Answer = JsonAnswer | StreamAnswer
