"""Owns what tests of adapters ask of a runner: one run with all that it answers and tells."""

from __future__ import annotations

import json
from typing import Any

from axon_agent.adapters import Runner


async def answer(runner: Runner, prompt: Any = "hi", **request: Any) -> Any:
    """The body of `run_sync`, as a value."""
    outcome = await runner.run(runner.prepare({"prompt": prompt, **request}), None)  # type: ignore[typeddict-item]
    return json.loads(outcome.body())


async def stream(runner: Runner, prompt: Any = "hi", **request: Any) -> tuple[list[tuple[str, Any]], Any]:
    """The events of `run_stream`, and the body of `run.result`."""
    events: list[tuple[str, Any]] = []

    async def emit(name: str, data: Any) -> None:
        events.append((name, data))

    outcome = await runner.run(runner.prepare({"prompt": prompt, **request}), emit)  # type: ignore[typeddict-item]
    return events, json.loads(outcome.body())


def said(events: list[tuple[str, Any]]) -> str:
    """The text of all `text.delta`."""
    return "".join(data["text"] for name, data in events if name == "text.delta")


def shape(messages: list[Any]) -> list[list[str]]:
    """The kinds of the parts of each message."""
    return [[part["part_kind"] for part in message["parts"]] for message in messages]


def without_times(value: Any) -> Any:
    """A value without its timestamps."""
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items() if key != "timestamp"}
    return [without_times(one) for one in value] if isinstance(value, list) else value
