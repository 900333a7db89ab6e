"""Owns what a run asks of Node: tools that are written in TypeScript, and the approvals of people.

Knows no framework: `pydantic_ai`, `openai_agents` and `langchain` hand over to the adapters. What may be called, and
who may approve, is Node's to say.

1. Every question is answered once, or taken back: the end of a run answers all of its own, also those of threads.
2. Answers are taken in the thread that reads the control connection: a loop or a thread that waits cannot hold them up.
3. Outside a run there is nobody to ask: that raises, and Node hears nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from axon_agent.protocol import FrameError
from axon_agent.tracing import current_traceparent


class Asking(Protocol):
    """An attempt of a run whose code may ask; `runs.Run`."""

    id: str
    attempt: int
    task: asyncio.Task[None] | None

    async def tell_approval(self, data: dict[str, Any]) -> None:
        """Tells the run's caller that a person is asked. On the loop of `task`."""


current_attempt: ContextVar[Asking | None] = ContextVar("axon_attempt", default=None)
"""The attempt that the calling code belongs to; None outside runs."""


class ToolError(Exception):
    """A tool call came to nothing. `code` is one of docs/errors.md, `kind` the type of what the tool threw, if it did.

    `TOOL_ARGUMENTS_INVALID` is for the model to mend; the message says what is wrong.
    """

    def __init__(self, code: str, message: str, kind: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.kind = kind


@dataclass(frozen=True)
class Approval:
    """What a person said. `message` is for the model, where it was denied."""

    is_approved: bool
    message: str


@dataclass(frozen=True, eq=False)
class RemoteTool:
    """A tool that is written in TypeScript. `parameters` is the JSON Schema of its arguments. Equal to itself only."""

    name: str
    description: str
    parameters: dict[str, Any]

    async def invoke(self, arguments: dict[str, Any], *, id: str | None = None) -> Any:
        """Calls the tool for the current run and returns its result, any JSON; `ToolError` where it has none.

        `id` names the call in events, for example as the model named it. A task that is cancelled takes it back.
        """
        return await _answer("tool.invoke", self.name, arguments, id)

    def call(self, arguments: dict[str, Any], *, id: str | None = None) -> Any:
        """`invoke` for code in a thread of its own: it waits. `RuntimeError` on the thread of an event loop."""
        if _is_on_loop():
            raise RuntimeError(f"{self.name}.call() would stop the event loop: `await {self.name}.invoke()` instead.")
        return _desk.ask("tool.invoke", self.name, arguments, id)[1].result()


@dataclass
class _Question:
    attempt: Asking
    tool: str
    arguments: dict[str, Any]
    future: Future[Any] = field(default_factory=Future)


_Key = tuple[str, int, str]


class _Desk:
    """The questions of this process that wait for an answer. `say` sends a frame and does not wait."""

    def __init__(self) -> None:
        self.tools: tuple[RemoteTool, ...] = ()
        self.say: Callable[[dict[str, Any]], None] | None = None
        self._lock = threading.Lock()
        self._questions: dict[_Key, _Question] = {}
        self._numbers = itertools.count(1)

    def ask(self, kind: str, tool: str, arguments: dict[str, Any], id: str | None) -> tuple[_Key, Future[Any]]:
        attempt = current_attempt.get()
        if attempt is None:
            raise RuntimeError(f"{tool} was asked for outside of a run: only the code of a run can call tools.")
        if self.say is None:
            raise RuntimeError(f"{tool} cannot be asked for: an agent on a Ray cluster has no connection to Node.")
        question = _Question(attempt, tool, arguments)
        # It runs already: nobody but Node, or who takes it back, settles it.
        question.future.set_running_or_notify_cancel()
        with self._lock:
            key = self._key(attempt, id)
            self._questions[key] = question
        try:
            span = current_traceparent() if kind == "tool.invoke" else None
            traced = {} if span is None else {"traceparent": span}
            self.say({"type": kind, **_named(key), "tool": tool, "arguments": arguments, **traced})
        except BaseException as error:
            with self._lock:
                self._questions.pop(key, None)
            if isinstance(error, FrameError):
                raise ToolError("TOOL_ARGUMENTS_INVALID", f"The arguments of {tool} are too long: {error}.") from error
            raise
        return key, question.future

    def withdraw(self, key: _Key) -> None:
        with self._lock:
            question = self._questions.pop(key, None)
        if question is not None and self.say is not None:
            with contextlib.suppress(OSError):
                self.say({"type": "tool.cancel", **_named(key)})

    def question(self, frame: dict[str, Any], *, take: bool) -> _Question | None:
        """The question that a frame is about; None where it was taken back."""
        match frame:
            case {"run": str(run), "attempt": int(attempt), "id": str(id)}:
                with self._lock:
                    key = (run, attempt, id)
                    return self._questions.pop(key, None) if take else self._questions.get(key)
        return None

    def _key(self, attempt: Asking, id: str | None) -> _Key:
        # Models name calls, and some give several of one run the same name.
        name = id if id and len(id) <= 180 else f"call-{next(self._numbers)}"
        key = (attempt.id, attempt.attempt, name)
        while key in self._questions:
            key = (attempt.id, attempt.attempt, f"{name}#{next(self._numbers)}")
        return key


_desk = _Desk()


def remote() -> list[RemoteTool]:
    """The tools that the agent's definition offers, also while its module is imported."""
    return list(_desk.tools)


async def approve(name: str, arguments: dict[str, Any], *, id: str | None = None) -> Approval:
    """Asks a person whether the tool `name` may be called with these arguments, and waits for the answer.

    The run's stream tells `tool.approval`; nobody's answer in time is a denial. `arguments` is JSON. `ToolError` where
    the run is over.
    """
    approval: Approval = await _answer("tool.approval", name, arguments, id)
    return approval


def pydantic_ai() -> Any:
    """The tools as a toolset of pydantic-ai. Agents that Axon runs have it already; this is for those they call."""
    from axon_agent.adapters.pydantic_tools import toolset  # noqa: PLC0415

    return toolset()


def openai_agents() -> list[Any]:
    """The tools as those of the OpenAI Agents SDK. An agent that Axon runs has them already; this is for those that it
    hands over to.
    """
    from axon_agent.adapters.openai_tools import function_tools  # noqa: PLC0415

    return function_tools()


def langchain() -> list[Any]:
    """The tools as those of LangChain, for the code that builds a graph or an agent. None outside of Axon."""
    from axon_agent.adapters.langchain_tools import structured_tools  # noqa: PLC0415

    return structured_tools()


def open_desk(tools: Sequence[RemoteTool], say: Callable[[dict[str, Any]], None]) -> None:
    """Begins: these tools are there, and questions are sent by `say`."""
    _desk.tools = tuple(tools)
    _desk.say = say


def hear(frame: dict[str, Any]) -> bool:
    """Takes what Node says to a question, in whatever thread has read it; False for other frames."""
    if frame["type"] not in ("tool.pending", "tool.returned", "tool.approved"):
        return False
    is_pending = frame["type"] == "tool.pending"
    question = _desk.question(frame, take=not is_pending)
    if question is None:
        return True
    if is_pending:
        _tell(question, frame)
        return True
    match frame:
        case {"error": {"code": str(code), "message": str(message)} as error}:
            kind = error.get("kind")
            question.future.set_exception(ToolError(code, message, kind if isinstance(kind, str) else None))
        case {"type": "tool.approved", "approved": bool(approved)}:
            question.future.set_result(Approval(approved, str(frame.get("message") or "")))
        case {"type": "tool.returned"} if "error" not in frame:
            question.future.set_result(frame.get("result"))
        case _:
            message = f"What Axon said of {question.tool} cannot be read."
            question.future.set_exception(ToolError("PROTOCOL_INVALID_FRAME", message))
    return True


def _tell(question: _Question, frame: dict[str, Any]) -> None:
    """Tells the run's caller that a person is asked: begun before the answer is given, which may be the next frame."""
    attempt = question.attempt
    task = attempt.task
    if task is not None:  # else its code has ended, and a thread of it goes on
        told = {"id": frame["id"], "name": question.tool, "arguments": question.arguments, "due_at": frame.get("dueAt")}
        asyncio.run_coroutine_threadsafe(attempt.tell_approval(told), task.get_loop())


async def _answer(kind: str, tool: str, arguments: dict[str, Any], id: str | None) -> Any:
    key, future = _desk.ask(kind, tool, arguments, id)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        _desk.withdraw(key)
        raise


def _named(key: _Key) -> dict[str, Any]:
    run, attempt, id = key
    return {"run": run, "attempt": attempt, "id": id}


def _is_on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
