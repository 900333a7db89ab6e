"""Owns what every adapter offers to the rest of the package, and how its answers become JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from axon_agent.errors import RunError, describe
from axon_agent.request import RunRequest

Emit = Callable[[str, Any], Awaitable[None]]
"""Sends one event (`text.delta`, `custom` …) and its data; waits while the reader is slow."""

Call = Any
"""A request that an adapter has checked and prepared; only the adapter looks into it."""

NO_USAGE = b'{"total_tokens":0}'


@dataclass(frozen=True)
class Outcome:
    """A run's answer, each part as JSON bytes, so that what a framework has encoded is not encoded again."""

    result: bytes
    messages: bytes = b"[]"
    usage: bytes = NO_USAGE

    def body(self) -> bytes:
        """The body of `run_sync` and the data of `run.result`."""
        return b'{"result":%s,"messages":%s,"usage":%s}' % (self.result, self.messages, self.usage)


class Runner(Protocol):
    """One agent, ready to run. `framework` is told to Node in `ready`."""

    framework: str

    def prepare(self, request: RunRequest) -> Call:
        """Checks a request before the run starts; `RunError` 422. Calls no user code."""

    async def run(self, call: Call, emit: Emit | None) -> Outcome:
        """Runs to the end. With `emit`, tells events on the way."""

    def schema(self) -> dict[str, Any]:
        """JSON Schemas: `{ input, output, tools }`; each tool is `{ name, description, parameters }`."""


class Adapter(Protocol):
    """What another package gives as an entry point of `axon_agent.adapters`; a module with these functions will do."""

    def is_agent(self, found: Any) -> bool:
        """Whether an object is an agent of this framework. Asked of many objects: quick, and never raising."""

    def make_runner(self, found: Any, name: str, model: str | None) -> Runner:
        """The runner of an agent. `name` is for messages, `model` the definition's. Raises `StartError`."""


def encode(value: Any, what: str) -> bytes:
    """JSON of any value, pydantic models and dataclasses included; `RunError` AGENT_RAISED for what has no JSON."""
    try:
        data = to_json(value, bytes_mode="base64")
        if b"NaN" in data or b"Infinity" in data:
            # Allowed inside strings only.
            from_json(data, allow_inf_nan=False)
    except Exception as error:
        raise RunError.raised(error, f"The agent's {what} is not JSON: {describe(error)}") from error
    return data
