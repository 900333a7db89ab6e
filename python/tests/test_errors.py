"""Errors on the wire: always JSON, always readable, whatever an exception does."""

from __future__ import annotations

import json

from axon_agent.errors import RunError, StartError, describe, format_traceback
from axon_agent.protocol import encode_frame


class Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_an_exception_that_cannot_be_read_is_still_told() -> None:
    error = RunError.raised(Unreadable())
    assert error.kind == "Unreadable"
    assert "cannot be read" in error.message
    assert describe(KeyError()) == "KeyError"


def test_long_errors_fit_a_frame() -> None:
    def deep(left: int) -> None:
        if left:
            deep(left - 1)
        raise ValueError("\U0001f600" * 1_000_000)

    try:
        deep(50)
    except ValueError as error:
        failure = StartError.caused("import", "AGENT_IMPORT_FAILED", str(error), error)
        assert len(encode_frame(failure.frame())) < 1024 * 1024
        assert len(RunError.raised(error).body("writer")) < 1024 * 1024


def test_a_chain_of_errors_is_shown_whole() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError as error:
        told = format_traceback(error)
    assert told.index("first") < told.index("second")
    assert "test_errors.py" in told


def test_the_body_says_what_the_protocol_says() -> None:
    body = json.loads(RunError("RUN_REJECTED", "full").body("writer", "r1", attempt=1))
    assert body == {
        "error": {
            "code": "RUN_REJECTED",
            "message": "full",
            "run_id": "r1",
            "agent": "writer",
            "started": False,
            "retryable": True,
            "attempt": 1,
        }
    }
