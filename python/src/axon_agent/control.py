"""Owns the control connection: every frame that leaves it and every frame that arrives on it.

Does not know what runs are or how an agent is served; it calls back.

1. One lock for all writers: frames never mix.
2. `receipt` returns only after the kernel has taken the last byte of `started`; user code is called after that. No
   transport or buffer of ours lies between, since what it holds is lost with the process.
3. The event loop never waits for the channel: where it is full or taken, a thread does.
4. End of file means that Node is gone: the whole process group ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from axon_agent.connect import close_in_forks
from axon_agent.errors import StartError
from axon_agent.protocol import FrameError, FrameSplitter, decode_frame, encode_frame

_LAST_WORDS = b"\nThe control connection to Axon has ended, and this process ends with it.\n"

OnFrame = Callable[[dict[str, Any]], None]


class Control:
    """The connection, from the hello on. `gone` is called from any thread when the other end has closed."""

    def __init__(self, connection: socket.socket, gone: Callable[[], None] | None = None) -> None:
        self._socket = connection
        self._gone = gone or end_process_group
        self._lock = threading.Lock()
        self._splitter = FrameSplitter()
        self._pending: list[bytes] = []
        # One thread writes what had to wait, in its order. It starts when first needed.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="axon-control")
        close_in_forks(connection)

    def tell(self, frame: dict[str, Any]) -> None:
        """Sends a frame, waiting for the channel. Not for the event loop's thread."""
        self._write(encode_frame(frame))

    def say(self, frame: dict[str, Any]) -> None:
        """Sends a frame, from a thread where the channel is full."""
        self._send(encode_frame(frame))

    async def receipt(self, run: str) -> None:
        """Sends `started` and returns when the kernel has the whole frame; raises what cancels the wait."""
        # Run ids are checked where they enter (protocol.parse_head): no character of theirs needs an escape.
        frame = b'{"type":"started","run":"%s"}\n' % run.encode()
        rest = self._try(frame)
        if not rest:
            return
        # Taken by whoever is first: the thread that writes the frame, or the cancellation that forbids it.
        claim = threading.Lock()
        try:
            # Shielded: a write that has begun is finished whatever becomes of the run.
            await asyncio.shield(asyncio.wrap_future(self._later(frame, rest, claim)))
        except asyncio.CancelledError:
            # Where it is too late, the run is receipted and never called: its own end tells that it has ended.
            claim.acquire(blocking=False)
            raise

    def settled(self, run: str, attempt: int) -> None:
        """Sends `settled`, from a thread where the channel is full."""
        self._send(b'{"type":"settled","run":"%s","attempt":%d}\n' % (run.encode(), attempt))

    def revoked(self, run: str, attempt: int, is_known: bool) -> None:
        """Sends `revoked`, from a thread where the channel is full."""
        self.say({"type": "revoked", "run": run, "attempt": attempt, "isKnown": is_known})

    def read(self) -> dict[str, Any]:
        """The next frame, waiting for it; `FrameError` when it is unreadable, `EOFError` at the end."""
        while not self._pending:
            data = self._receive()
            if not data:
                raise EOFError
            self._pending += self._splitter.feed(data)
        return decode_frame(self._pending.pop(0))

    def listen(self, on_frame: OnFrame) -> None:
        """Reads frames in a thread of its own until the end. An unreadable one is told and ends the process."""
        threading.Thread(target=self._listen, args=(on_frame,), name="axon-control", daemon=True).start()

    def _listen(self, on_frame: OnFrame) -> None:
        while True:
            try:
                frame = self.read()
            except EOFError:
                self._gone()
                return
            except FrameError as error:
                failure = StartError("serve", "PROTOCOL_INVALID_FRAME", str(error))
                with contextlib.suppress(OSError):
                    self.tell(failure.frame())
                os._exit(1)
            on_frame(frame)

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except OSError:
            return b""

    def _send(self, frame: bytes) -> None:
        rest = self._try(frame)
        if rest:
            self._later(frame, rest, None)

    def _try(self, frame: bytes) -> bytes:
        """Sends without waiting; returns what is left. With a part sent the lock stays taken, for `_later` to end."""
        if not self._lock.acquire(blocking=False):
            return frame
        sent = 0
        try:
            sent = self._socket.send(frame, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        except OSError:
            self._lock.release()
            self._gone()
            raise
        if sent in (0, len(frame)):
            self._lock.release()
        return frame[sent:]

    def _later(self, frame: bytes, rest: bytes, claim: threading.Lock | None) -> Future[None]:
        if len(rest) == len(frame):
            return self._writer.submit(self._write, frame, claim)
        if claim is not None:
            claim.acquire()
        # Not through the writer: it may be waiting for the lock that this frame holds.
        finished: Future[None] = Future()
        threading.Thread(target=self._finish, args=(rest, finished), name="axon-control", daemon=True).start()
        return finished

    def _finish(self, rest: bytes, finished: Future[None]) -> None:
        try:
            self._socket.sendall(rest)
        except OSError as error:
            self._gone()
            finished.set_exception(error)
        else:
            finished.set_result(None)
        finally:
            self._lock.release()

    def _write(self, frame: bytes, claim: threading.Lock | None = None) -> None:
        with self._lock:
            if claim is not None and not claim.acquire(blocking=False):
                return
            try:
                self._socket.sendall(frame)
            except OSError:
                self._gone()
                raise


def end_process_group() -> None:
    """Kills this process and, where it leads a group, all of the group. Does not return."""
    # Node reads it where it lives: user code has closed the connection, and would look for who sent the signal.
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(2)) as words:
        words.send(_LAST_WORDS, socket.MSG_DONTWAIT)
    pid = os.getpid()
    with contextlib.suppress(OSError):
        if os.getpgrp() == pid:
            os.killpg(pid, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
