"""Owns agents written as plain functions: sync, async, generators, async generators, and callable objects.

1. Synchronous code never runs on the event loop: it has a thread, with the context variables of its run.
2. A thread cannot be stopped. A cancelled run answers at once, and is settled when its thread has ended.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaMode
from pydantic_core import to_json

from axon_agent import tools
from axon_agent.adapters.base import NO_USAGE, Call, Emit, Outcome, encode
from axon_agent.errors import RunError, StartError, describe
from axon_agent.request import RunRequest, explain, request_schema
from axon_agent.values import Event, Result

T = TypeVar("T")

_NAMES = ("prompt", "message_history", "model", "deps", "metadata", "usage_limits")
_OFFERED = (*_NAMES, "tools")
_EMPTY = inspect.Parameter.empty
_END = object()
_threads = ThreadPoolExecutor(max_workers=256, thread_name_prefix="axon-run")


class FunctionRunner:
    """Calls a function with the parts of the request that its parameters name."""

    framework = "function"

    def __init__(self, function: Callable[..., Any], name: str, model: str | None) -> None:
        self._function = function
        self._model = model
        self._signature = _signature(function, name)
        self._wanted = _wanted(self._signature, name)
        self._deps = _annotation(function, self._signature, "deps")
        call = function if inspect.isroutine(function) else type(function).__call__
        self._is_async = inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)

    def prepare(self, request: RunRequest) -> Call:
        values: dict[str, Any] = {name: request.get(name) for name in _NAMES}
        values["model"] = request.get("model") or self._model
        if self._deps is not None and "deps" in request:
            try:
                values["deps"] = self._deps.validate_json(to_json(values["deps"]))
            except ValidationError as error:
                raise RunError("RUN_REQUEST_INVALID", f"The request is invalid: {explain(error, 'deps')}.") from error
        if "tools" in self._wanted:
            values["tools"] = {tool.name: tool for tool in tools.remote()}
        given = self._signature.parameters
        return {
            parameter: values[source]
            for parameter, source in self._wanted.items()
            # What the request leaves out keeps the function's own default.
            if values[source] is not None or parameter not in given or given[parameter].default is _EMPTY
        }

    async def run(self, call: Call, emit: Emit | None) -> Outcome:
        arguments, keywords = self._bind(call)
        if self._is_async:
            value = self._function(*arguments, **keywords)
        else:
            value = await _in_thread(lambda: self._function(*arguments, **keywords))
        if inspect.isawaitable(value):
            value = await value
        if hasattr(value, "__anext__"):
            value = await _collect(value, emit)
        elif inspect.isgenerator(value):
            value = await _collect(_each(value), emit)
        return _outcome(value)

    def schema(self) -> dict[str, Any]:
        asked = request_schema()
        if self._deps is not None:
            asked["properties"]["deps"] = _json_schema(self._deps)
        returned = _annotation(self._function, self._signature, "return")
        return {"input": asked, "output": _json_schema(returned, "serialization") if returned else {}, "tools": []}

    def _bind(self, call: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        positional: list[Any] = []
        keywords = dict(call)
        for name, parameter in self._signature.parameters.items():
            if parameter.kind is parameter.POSITIONAL_ONLY and name in keywords:
                positional.append(keywords.pop(name))
        return positional, keywords


def _signature(function: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        message = f"{name} has no signature that can be read: {describe(error)}"
        raise StartError.caused("import", "AGENT_OBJECT_MISSING", message, error) from error


def _wanted(signature: inspect.Signature, name: str) -> dict[str, str]:
    """Which parameter gets which part of the request; `StartError` where one can get none."""
    parameters = list(signature.parameters.values())
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        wanted = {key: key for key in _NAMES}
    else:
        wanted = {p.name: p.name for p in named if p.name in _NAMES}
    if any(p.name == "tools" for p in named):
        wanted["tools"] = "tools"
    unknown = [p for p in named if p.name not in _OFFERED and p.default is _EMPTY]
    if len(unknown) == 1 and "prompt" not in {p.name for p in named} and unknown[0].kind is not unknown[0].KEYWORD_ONLY:
        wanted.pop("prompt", None)
        wanted[unknown[0].name] = "prompt"
    elif unknown:
        listed = ", ".join(p.name for p in unknown)
        message = f"{name}{signature} cannot be called: Axon has {', '.join(_OFFERED)}, and nothing for {listed}."
        raise StartError("import", "AGENT_OBJECT_MISSING", message)
    return wanted


def _annotation(function: Callable[..., Any], signature: inspect.Signature, name: str) -> TypeAdapter[Any] | None:
    """The type of a parameter or of `return`, where there is one that pydantic understands."""
    try:
        resolved = inspect.signature(function, eval_str=True)
        found = resolved.return_annotation if name == "return" else resolved.parameters[name].annotation
        return None if found in (_EMPTY, Any, object) else TypeAdapter(found)
    except Exception:
        return None


def _json_schema(adapter: TypeAdapter[Any], mode: JsonSchemaMode = "validation") -> dict[str, Any]:
    try:
        return adapter.json_schema(mode=mode)
    except Exception:
        return {}


async def _in_thread(work: Callable[[], T], context: contextvars.Context | None = None) -> T:
    """Runs `work` in a thread. When the run is cancelled this still waits: the code has not ended before it has."""
    context = context or contextvars.copy_context()

    def guarded() -> tuple[Any, BaseException | None]:
        try:
            return context.run(work), None
        except BaseException as error:  # also StopIteration and SystemExit, which a future cannot carry
            return None, error

    future = asyncio.get_running_loop().run_in_executor(_threads, guarded)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    value, raised = future.result()
    if raised is not None:
        raise raised
    return value  # type: ignore[no-any-return]


async def _each(generator: Iterator[Any]) -> AsyncIterator[Any]:
    """A sync generator's values, each taken in a thread; what it returns, if anything, comes last as a `Result`."""
    context = contextvars.copy_context()

    def step() -> tuple[Any, Any]:
        try:
            return next(generator), None
        except StopIteration as end:
            return _END, end.value

    try:
        while True:
            value, returned = await _in_thread(step, context)
            if value is _END:
                break
            yield value
        if returned is not None:
            yield returned if isinstance(returned, Result) else Result(returned)
    finally:
        close = getattr(generator, "close", None)
        if close is not None:
            await _in_thread(close, context)


async def _collect(values: AsyncIterator[Any], emit: Emit | None) -> Any:
    texts: list[str] = []
    others: list[Any] = []
    result: Result | None = None
    try:
        async for value in values:
            if isinstance(value, Result):
                result = value
            elif isinstance(value, Event):
                if emit is not None:
                    await emit("custom", {"name": value.name, "value": value.value})
            elif isinstance(value, str):
                texts.append(value)
                if emit is not None and value:
                    await emit("text.delta", {"text": value})
            else:
                others.append(value)
                if emit is not None:
                    await emit("custom", {"name": "value", "value": value})
    finally:
        close = getattr(values, "aclose", None)
        if close is not None:
            await close()
    if result is not None:
        return result
    return "".join(texts) if texts or not others else others


def _outcome(value: Any) -> Outcome:
    if not isinstance(value, Result):
        return Outcome(encode(value, "result"))
    messages = encode(list(value.messages), "messages")
    usage = encode({"total_tokens": 0, **value.usage}, "usage") if value.usage else NO_USAGE
    return Outcome(encode(value.result, "result"), messages, usage)
