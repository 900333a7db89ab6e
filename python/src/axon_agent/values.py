"""Owns the two values that an agent written as a function may yield or return. Encoding them is the adapters' part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something to tell the caller of `run_stream` while a run goes on: the event `custom { name, value }`.

    `value` is any JSON, a pydantic model or a dataclass. `run_sync` drops it.
    """

    name: str
    value: Any = None


@dataclass(frozen=True)
class Result:
    """The whole answer of a run, returned or yielded last by an agent that has messages or usage to tell.

    `result` is any JSON, a pydantic model or a dataclass. `messages` is the whole conversation in pydantic-ai's
    ModelMessage JSON, history included. `usage` counts tokens; `total_tokens` is added as 0 where it is missing.
    """

    result: Any
    messages: Sequence[Any] = ()
    usage: dict[str, Any] = field(default_factory=dict)
