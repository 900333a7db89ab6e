"""Agents written as functions: what they are given, and what becomes of what they return."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from pydantic import BaseModel

from axon_agent import Event, Result
from axon_agent.adapters.function import FunctionRunner
from axon_agent.errors import RunError, StartError
from axon_agent.request import RunRequest

Told = list[tuple[str, Any]]
FULL: Any = {
    "prompt": "p",
    "message_history": [1],
    "model": "m",
    "deps": {"d": 1},
    "metadata": {"k": 1},
    "usage_limits": {"request_limit": 1},
}


class Deps(BaseModel):
    d: int


@dataclass
class Point:
    x: int


async def run(function: Callable[..., Any], request: Any = None, *, told: Told | None = None, model: str = "") -> Any:
    runner = FunctionRunner(function, "f", model or None)

    async def emit(event: str, data: Any) -> None:
        assert told is not None
        told.append((event, data))

    asked = cast(RunRequest, request or {"prompt": "p"})
    outcome = await runner.run(runner.prepare(asked), None if told is None else emit)
    return json.loads(outcome.body())


async def value(function: Callable[..., Any], request: Any = None, **options: Any) -> Any:
    return (await run(function, request, **options))["result"]


async def test_parameters_are_filled_by_name() -> None:
    def named(prompt: Any, usage_limits: Any, metadata: Any, deps: Any, model: Any, message_history: Any) -> Any:
        return locals()

    def all_of_them(**kwargs: Any) -> Any:
        return kwargs

    assert await value(named, FULL) == FULL
    assert await value(all_of_them, FULL) == FULL
    assert await value(lambda text: text) == "p"
    assert await value(lambda text, /, deps=5: [text, deps]) == ["p", 5]
    assert await value(lambda prompt, *, model: model, model="definition") == "definition"
    asked = {"prompt": "p", "model": "own"}
    assert await value(lambda prompt, *, model: model, asked, model="definition") == "own"
    assert await value(lambda: "nothing asked for") == "nothing asked for"
    assert await value(lambda prompt, message_history: message_history) is None
    assert await value(functools.partial(lambda a, prompt: a + prompt, "a")) == "ap"


async def test_deps_are_validated_where_they_are_annotated() -> None:
    def typed(prompt: str, deps: Deps) -> Any:
        return type(deps).__name__

    assert await value(typed, FULL) == "Deps"
    with pytest.raises(RunError, match=r"deps\.d") as caught:
        await value(typed, {"prompt": "p", "deps": {"d": "no"}})
    assert (caught.value.status, caught.value.code) == (422, "RUN_REQUEST_INVALID")


@pytest.mark.parametrize("function", [lambda a, b: 0, lambda *, a: 0, lambda prompt, other: 0])
def test_a_signature_that_cannot_be_satisfied_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(StartError, match="nothing for") as caught:
        FunctionRunner(function, "f", None)
    assert caught.value.code == "AGENT_OBJECT_MISSING"


@pytest.mark.parametrize(
    ("returned", "wanted"),
    [
        (None, None),
        ({"a": [1, 2.5, "é", None]}, {"a": [1, 2.5, "é", None]}),
        (Deps(d=1), {"d": 1}),
        (Point(1), {"x": 1}),
        ((1, {2}), [1, [2]]),
        ("NaN in text", "NaN in text"),
        (b"\xff", "_w=="),
    ],
)
async def test_a_return_value_becomes_json(returned: Any, wanted: Any) -> None:
    assert await run(lambda prompt: returned) == {"result": wanted, "messages": [], "usage": {"total_tokens": 0}}


@pytest.mark.parametrize("returned", [object(), float("nan"), {"a": float("inf")}, "\ud800", [lambda: 0]])
async def test_what_is_not_json_is_told_clearly(returned: Any) -> None:
    with pytest.raises(RunError, match="result is not JSON") as caught:
        await run(lambda prompt: returned)
    assert caught.value.code == "AGENT_RAISED"


async def test_a_result_sets_the_whole_answer() -> None:
    told = Result(Point(1), messages=[{"kind": "request"}], usage={"input_tokens": 3})
    wanted = {"result": {"x": 1}, "messages": [{"kind": "request"}], "usage": {"total_tokens": 0, "input_tokens": 3}}
    assert await run(lambda prompt: told) == wanted

    async def yields(prompt: str) -> Any:
        yield "text"
        yield told

    assert await run(yields) == wanted


async def test_every_kind_of_function_can_be_called() -> None:
    class Caller:
        def __call__(self, prompt: str) -> str:
            return "object"

    class AsyncCaller:
        async def __call__(self, prompt: str) -> str:
            return "async object"

    async def coroutine(prompt: str) -> str:
        return "coroutine"

    def returns_awaitable(prompt: str) -> Any:
        return coroutine(prompt)

    assert await value(Caller()) == "object"
    assert await value(Caller().__call__) == "object"
    assert await value(AsyncCaller()) == "async object"
    assert await value(coroutine) == "coroutine"
    assert await value(returns_awaitable) == "coroutine"


@pytest.mark.parametrize("is_async", [True, False])
async def test_generators_tell_events_and_join_their_text(is_async: bool) -> None:
    values = ["a", "", Event("step", 1), {"x": 1}, "b"]

    async def asynchronous(prompt: str) -> Any:
        for one in values:
            yield one

    def synchronous(prompt: str) -> Iterator[Any]:
        yield from values

    told: Told = []
    assert await value(asynchronous if is_async else synchronous, told=told) == "ab"
    assert told == [
        ("text.delta", {"text": "a"}),
        ("custom", {"name": "step", "value": 1}),
        ("custom", {"name": "value", "value": {"x": 1}}),
        ("text.delta", {"text": "b"}),
    ]
    assert await value(asynchronous if is_async else synchronous) == "ab"


async def test_a_generator_without_text_answers_with_its_values() -> None:
    def generator(prompt: str) -> Iterator[Any]:
        yield 1
        yield {"two": 2}

    def with_return(prompt: str) -> Any:
        yield "text"
        return {"returned": True}

    assert await value(generator) == [1, {"two": 2}]
    assert await value(with_return) == {"returned": True}
    assert await value(lambda prompt: iter_nothing()) == ""


def iter_nothing() -> Iterator[Any]:
    yield from ()


async def test_sync_code_runs_in_a_thread_with_the_runs_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("of the run")

    def function(prompt: str) -> Any:
        return [variable.get(), threading.current_thread() is threading.main_thread()]

    def generator(prompt: str) -> Any:
        variable.set("changed")
        yield "first"
        yield [variable.get(), threading.current_thread() is threading.main_thread()]
        return variable.get()

    assert await value(function) == ["of the run", False]
    assert await value(generator) == "changed"


@pytest.mark.parametrize("error", [StopIteration, SystemExit, KeyError, asyncio.CancelledError])
async def test_whatever_sync_code_raises_comes_out(error: type[BaseException]) -> None:
    def function(prompt: str) -> None:
        raise error("inside")

    with pytest.raises((error, RuntimeError), match=r"inside|StopIteration"):
        await value(function)


async def test_a_cancelled_generator_is_closed() -> None:
    closed = threading.Event()
    begun = asyncio.Event()

    def generator(prompt: str) -> Iterator[str]:
        try:
            while True:
                yield "more"
        finally:
            closed.set()

    async def emit(event: str, data: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    runner = FunctionRunner(generator, "f", None)
    task = asyncio.ensure_future(runner.run(runner.prepare({"prompt": "p"}), emit))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


def test_the_schema_shows_deps_and_the_return_type() -> None:
    def typed(prompt: str, deps: Deps) -> Point:
        return Point(1)

    schema = FunctionRunner(typed, "f", None).schema()
    assert schema["input"]["properties"]["deps"]["title"] == "Deps"
    assert schema["output"]["properties"]["x"] == {"title": "X", "type": "integer"}
    assert schema["tools"] == []
    assert FunctionRunner(lambda prompt: 0, "f", None).schema()["output"] == {}
