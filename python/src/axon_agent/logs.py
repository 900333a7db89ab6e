"""Owns Python's logging in an agent's process: one line of JSON on standard error for each record."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import datetime, timezone

from axon_agent.errors import clean, format_traceback
from axon_agent.tracing import current_ids

current_run: ContextVar[str | None] = ContextVar("axon_run", default=None)
"""The id of the run that the calling code belongs to; None outside runs."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonFormatter(logging.Formatter):
    """`{ time, level, logger, message, run?, trace_id?, span_id?, traceback?, … }`, then what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        run = current_run.get()
        if run is not None:
            line["run"] = run
        ids = current_ids()
        if ids is not None:
            line["trace_id"], line["span_id"] = ids
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = format_traceback(record.exc_info[1])
        for key, value in vars(record).items():
            if key not in _STANDARD and key not in line:
                line[key] = value
        return json.dumps(line, ensure_ascii=False, default=repr).encode("utf-8", "replace").decode()


def set_up_logs() -> None:
    """Sends every logger to standard error from level INFO; uvicorn and HTTP clients only from WARNING."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(logging.INFO)
    for chatty in ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
