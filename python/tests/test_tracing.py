"""The trace of a run: what is read of a request, and what the code of the run sees of it."""

from __future__ import annotations

import json
import logging
from contextvars import copy_context
from typing import Any

import pytest

from axon_agent import tracing
from axon_agent.logs import JsonFormatter

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
HEADER = f"00-{TRACE}-{SPAN}-01".encode()


def test_the_trace_of_a_request_is_read_with_what_goes_with_it() -> None:
    trace = tracing.read_trace({b"traceparent": HEADER, b"baggage": b"tenant=acme"})
    assert trace is not None
    assert (trace.trace_id, trace.span_id) == (TRACE, SPAN)
    assert trace.headers["baggage"] == "tenant=acme"


@pytest.mark.parametrize("header", [b"", b"nonsense", b"\xff\xfe", HEADER + b"," + HEADER, HEADER.upper()])
def test_a_trace_that_cannot_be_read_is_none(header: bytes) -> None:
    assert tracing.read_trace({b"traceparent": header}) is None


def test_lines_of_the_log_name_the_trace_of_their_run_and_its_innermost_span() -> None:
    otel = pytest.importorskip("opentelemetry.trace")
    record = logging.getLogger("mine").makeRecord("mine", 30, "f.py", 1, "told", (), None)

    def line() -> Any:
        return json.loads(JsonFormatter().format(record))

    def in_a_run() -> None:
        trace = tracing.read_trace({b"traceparent": HEADER, b"baggage": b"tenant=acme"})
        assert trace is not None
        tracing.enter(trace)
        assert (line()["trace_id"], line()["span_id"]) == (TRACE, SPAN)
        assert tracing.current_traceparent() == HEADER.decode()
        inner = otel.SpanContext(int(TRACE, 16), 7, is_remote=False, trace_flags=otel.TraceFlags(1))
        with otel.use_span(otel.NonRecordingSpan(inner)):
            assert line()["span_id"] == "0000000000000007"

    copy_context().run(in_a_run)
    assert "trace_id" not in line()
    assert tracing.current_traceparent() is None


def test_without_opentelemetry_the_lines_name_what_came_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("opentelemetry", "opentelemetry.trace"):
        monkeypatch.setitem(__import__("sys").modules, name, None)

    def in_a_run() -> None:
        trace = tracing.read_trace({b"traceparent": HEADER})
        assert trace is not None
        tracing.enter(trace)
        assert tracing.current_ids() == (TRACE, SPAN)
        assert tracing.current_traceparent() is None

    copy_context().run(in_a_run)
