"""Owns TypeScript's tools and the approvals of people in LangChain's words. What is asked of Node is
`axon_agent.tools`'s.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import cache
from typing import Any

from langchain_core.tools import BaseTool, ToolException

from axon_agent import tools

_call_id: ContextVar[str | None] = ContextVar("axon_langchain_call", default=None)


class _RemoteTool(BaseTool):
    """What the tool cannot do is told to the model, as a message with the status `error`."""

    remote: Any
    handle_tool_error: Any = True

    def run(self, *given: Any, tool_call_id: str | None = None, **options: Any) -> Any:
        token = _call_id.set(tool_call_id)
        try:
            return super().run(*given, tool_call_id=tool_call_id, **options)
        finally:
            _call_id.reset(token)

    async def arun(self, *given: Any, tool_call_id: str | None = None, **options: Any) -> Any:
        token = _call_id.set(tool_call_id)
        try:
            return await super().arun(*given, tool_call_id=tool_call_id, **options)
        finally:
            _call_id.reset(token)

    def _run(self, /, **arguments: Any) -> Any:
        try:
            return self.remote.call(arguments, id=_call_id.get())
        except tools.ToolError as error:
            raise ToolException(error.message) from error

    async def _arun(self, /, **arguments: Any) -> Any:
        try:
            return await self.remote.invoke(arguments, id=_call_id.get())
        except tools.ToolError as error:
            raise ToolException(error.message) from error


def structured_tools() -> list[BaseTool]:
    """The tools of the agent's definition; the same ones each time."""
    return [_tool(remote) for remote in tools.remote()]


@cache
def _tool(remote: tools.RemoteTool) -> BaseTool:
    return _RemoteTool(name=remote.name, description=remote.description, args_schema=remote.parameters, remote=remote)


def asks_people(interrupts: Any) -> bool:
    """Whether all of a graph's interrupts are those of LangChain's human-in-the-loop middleware."""
    return bool(interrupts) and all(
        isinstance(one.value, dict) and isinstance(one.value.get("action_requests"), list) for one in interrupts
    )


async def decisions(interrupts: Any) -> dict[str, Any]:
    """Asks a person about each call, and answers as the middleware wants it: by interrupt, a decision for each call."""

    async def ask(action: dict[str, Any]) -> dict[str, Any]:
        approval = await tools.approve(str(action.get("name")), action.get("args") or {})
        return {"type": "approve"} if approval.is_approved else {"type": "reject", "message": approval.message}

    async def answer(interrupt: Any) -> dict[str, Any]:
        return {"decisions": await asyncio.gather(*(ask(action) for action in interrupt.value["action_requests"]))}

    answers = await asyncio.gather(*(answer(one) for one in interrupts))
    return {one.id: its for one, its in zip(interrupts, answers, strict=True)}
