"""Owns the trace that a run belongs to: W3C context from the request into Python's OpenTelemetry, and back to Node.

`opentelemetry-api` is used where it is installed; without it lines of the log still name the trace.
"""

from __future__ import annotations

import re
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

TRACEPARENT = b"traceparent"
TRACESTATE = b"tracestate"
BAGGAGE = b"baggage"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True)
class Trace:
    """What came with a run: its headers by name, and the ids of the span that it is a part of."""

    headers: dict[str, str]
    trace_id: str
    span_id: str


current_trace: ContextVar[Trace | None] = ContextVar("axon_trace", default=None)
"""The trace of the run that the calling code belongs to."""


def read_trace(headers: dict[bytes, bytes]) -> Trace | None:
    """The trace of a request; None where it has none, or none that can be read: a run never fails for it."""
    read = {name.decode(): value.decode("latin-1") for name, value in headers.items()}
    found = _TRACEPARENT.fullmatch(read.get("traceparent", ""))
    return None if found is None else Trace(read, found[1], found[2])


def enter(trace: Trace) -> None:
    """Makes it the current context of the calling task, for as long as the task lives."""
    current_trace.set(trace)
    try:
        from opentelemetry import context  # noqa: PLC0415 - only where it is installed, and a run is traced
        from opentelemetry.baggage.propagation import W3CBaggagePropagator  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415
    except ImportError:
        return
    entered = TraceContextTextMapPropagator().extract(trace.headers)
    context.attach(W3CBaggagePropagator().extract(trace.headers, entered))


def current_ids() -> tuple[str, str] | None:
    """Trace and span of the calling code, in hexadecimal: its innermost span, else the run's own."""
    span = _current_span()
    if span is not None:
        return f"{span.trace_id:032x}", f"{span.span_id:016x}"
    trace = current_trace.get()
    return None if trace is None else (trace.trace_id, trace.span_id)


def current_traceparent() -> str | None:
    """The innermost span as a header; None outside of spans."""
    span = _current_span()
    return None if span is None else f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


def _current_span() -> Any:
    # Who has not imported it has made no span.
    api: Any = sys.modules.get("opentelemetry.trace")
    try:
        span = api.get_current_span().get_span_context()
        return span if span.is_valid else None
    except AttributeError:
        return None  # not there, or in the midst of its own import
