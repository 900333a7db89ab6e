"""Owns the errors of an agent's process: their codes, HTTP statuses, and the one shape they have on the wire.

Does not decide when a run or a start has failed. The codes are those of `src/errors.ts`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback as tracebacks
from typing import Any, Literal

Phase = Literal["launch", "import", "bind", "serve"]

_STATUSES = {
    "RUN_REQUEST_INVALID": 422,
    "AGENT_MODEL_INVALID": 422,
    "PROTOCOL_UNAUTHORIZED": 401,
    "AGENT_UNKNOWN": 404,
    "AGENT_RAISED": 500,
    "RUN_CANCELLED": 499,
    "RUN_REJECTED": 503,
    "RUN_INTERRUPTED": 503,
    "RUN_TIMEOUT": 504,
    "INTERNAL_ERROR": 500,
}
_RETRYABLE = frozenset({"RUN_REJECTED"})
_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_MAX_MESSAGE = 16 * 1024
_MAX_TRACEBACK = 128 * 1024


class StartError(Exception):
    """The agent cannot start. Told to Node as `failed`; the process then exits with code 1."""

    def __init__(self, phase: Phase, code: str, message: str, *, kind: str | None = None, traceback: str = "") -> None:
        super().__init__(message)
        self.phase = phase
        self.code = code
        self.message = message
        self.kind = kind or code
        self.traceback = traceback

    @classmethod
    def caused(cls, phase: Phase, code: str, message: str, error: BaseException) -> StartError:
        """The same with the type name and the traceback of what Python raised."""
        return cls(phase, code, message, kind=type(error).__name__, traceback=format_traceback(error))

    def frame(self) -> dict[str, str]:
        """The `failed` frame."""
        return {
            "type": "failed",
            "phase": self.phase,
            "code": self.code,
            "kind": self.kind,
            "message": clean(self.message)[:_MAX_MESSAGE],
            "traceback": self.traceback,
        }


class RunError(Exception):
    """A run ended without a result: the body of an HTTP error or of `run.error`.

    `status` defaults to the status of `code`. `kind` and `traceback` are Python's, where user code raised.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        kind: str | None = None,
        traceback: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or _STATUSES.get(code, 500)
        self.kind = kind
        self.traceback = traceback

    @classmethod
    def raised(cls, error: BaseException, message: str | None = None) -> RunError:
        """`AGENT_RAISED` for what user code raised."""
        return cls(
            "AGENT_RAISED",
            message or describe(error),
            kind=type(error).__name__,
            traceback=format_traceback(error),
        )

    def body(self, agent: str, run: str | None = None, *, started: bool = False, attempt: int | None = None) -> bytes:
        """The error body of docs/protocol.md as one line of JSON."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": clean(self.message)[:_MAX_MESSAGE],
            "run_id": run,
            "agent": agent,
            "started": started,
            "retryable": self.code in _RETRYABLE,
            "attempt": attempt,
        }
        if self.kind is not None:
            error["kind"] = self.kind
        if self.traceback is not None:
            error["traceback"] = self.traceback
        return json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":")).encode()


def clean(text: str) -> str:
    """Text that UTF-8 can carry: lone surrogates are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def describe(error: BaseException) -> str:
    """The message of an exception, or its type name where it has none; never raises, whatever `__str__` does."""
    try:
        return str(error) or type(error).__name__
    except Exception as broken:
        return f"{type(error).__name__} (its message cannot be read: {type(broken).__name__})"


def format_traceback(error: BaseException) -> str:
    """Python's traceback without the frames of this package, which mean nothing to a user; its end where it is long."""
    try:
        told = tracebacks.TracebackException.from_exception(error, compact=True)
        _trim(told)
        text = "".join(told.format())
    except Exception:
        text = f"{type(error).__name__}: {describe(error)}\n"
    return clean(text)[-_MAX_TRACEBACK:]


def _trim(told: tracebacks.TracebackException) -> None:
    pending: list[tracebacks.TracebackException | None] = [told]
    while pending:
        one = pending.pop()
        if one is None:
            continue
        own = [frame for frame in one.stack if not _is_plumbing(frame.filename)]
        one.stack = tracebacks.StackSummary.from_list(own)
        pending += [one.__cause__, one.__context__]
        if sys.version_info >= (3, 11):
            pending += one.exceptions or []


def _is_plumbing(filename: str) -> bool:
    return filename.startswith((_PACKAGE, "<frozen importlib")) or filename.endswith(
        (os.path.join("concurrent", "futures", "thread.py"), os.path.join("importlib", "__init__.py"))
    )
