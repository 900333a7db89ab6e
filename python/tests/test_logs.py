"""Python's logging as lines of JSON."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from axon_agent.logs import JsonFormatter, current_run


def line(told: str, *args: Any, **extra: Any) -> Any:
    record = logging.getLogger("mine").makeRecord("mine", 30, "f.py", 1, told, args, extra.pop("exc_info", None))
    vars(record).update(extra)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    text.encode()
    return json.loads(text)


def test_a_record_is_one_line_of_json() -> None:
    told = line("two\nlines %s \ud800", 7)
    assert set(told) == {"time", "level", "logger", "message"}
    assert (told["level"], told["logger"]) == ("warning", "mine")
    assert told["message"] == "two\nlines 7 \\ud800"


def test_the_run_extras_and_the_traceback_are_there() -> None:
    token = current_run.set("r1")
    try:
        raise ValueError("inside")
    except ValueError:
        told = line("m", exc_info=sys.exc_info(), order=object, level="not mine")
    finally:
        current_run.reset(token)
    assert told["run"] == "r1"
    assert (told["message"], told["level"]) == ("m", "warning")
    assert "ValueError: inside" in told["traceback"]
    assert told["order"] == repr(object)
