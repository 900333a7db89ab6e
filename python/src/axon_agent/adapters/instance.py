"""Owns agents that are objects, or classes, with `run` or `stream`; each of the two is called as a function is."""

from __future__ import annotations

from typing import Any

from axon_agent.adapters.base import Call, Emit, Outcome
from axon_agent.adapters.function import FunctionRunner
from axon_agent.errors import StartError, describe
from axon_agent.request import RunRequest


class InstanceRunner:
    """`stream` answers those who listen, `run` those who wait; where one is missing the other does both.

    A class is made into an object once, when the process starts, without arguments.
    """

    framework = "class"

    def __init__(self, found: Any, name: str, model: str | None) -> None:
        agent = _made(found, name)
        runners = {
            method: FunctionRunner(getattr(agent, method), f"{name}.{method}", model)
            for method in ("run", "stream")
            if callable(getattr(agent, method, None))
        }
        self._run = runners.get("run") or runners["stream"]
        self._stream = runners.get("stream") or runners["run"]

    def prepare(self, request: RunRequest) -> Call:
        # How it will be answered is not known yet.
        return self._run.prepare(request), self._stream.prepare(request)

    async def run(self, call: Call, emit: Emit | None) -> Outcome:
        run, stream = call
        return await (self._run.run(run, None) if emit is None else self._stream.run(stream, emit))

    def schema(self) -> dict[str, Any]:
        return self._run.schema()


def _made(found: Any, name: str) -> Any:
    if not isinstance(found, type):
        return found
    try:
        return found()
    except BaseException as error:
        message = f"{name}() raised {type(error).__name__}: {describe(error)}"
        raise StartError.caused("import", "AGENT_IMPORT_FAILED", message, error) from error
