"""Owns TypeScript's tools and the approvals of people in the words of the OpenAI Agents SDK. What is asked of Node is
`axon_agent.tools`'s.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from agents import Agent, FunctionTool
from agents.tool_context import ToolContext
from pydantic_core import to_json

from axon_agent import tools
from axon_agent.errors import StartError


def function_tools() -> list[FunctionTool]:
    """The tools of the agent's definition; the same ones each time."""
    return [_tool(remote) for remote in tools.remote()]


def with_tools(agent: Agent[Any]) -> Agent[Any]:
    """The agent with the tools beside its own; `StartError` where it has another of that name."""
    missing = [tool for tool in function_tools() if not any(own is tool for own in agent.tools)]
    if not missing:
        return agent
    taken = {own.name for own in agent.tools} & {tool.name for tool in missing}
    if taken:
        message = f"{agent.name} has a tool {', '.join(sorted(taken))} of its own. Call one of the two otherwise."
        raise StartError("import", "CONFIG_INVALID", message)
    return agent.clone(tools=[*agent.tools, *missing])


async def decide(state: Any, interruptions: Sequence[Any]) -> Any:
    """Asks a person about each call that needs an approval; the state goes on with what was said."""

    async def ask(item: Any) -> None:
        approval = await tools.approve(item.tool_name or "tool", _arguments(item.arguments), id=item.call_id)
        if approval.is_approved:
            state.approve(item)
        else:
            state.reject(item, rejection_message=approval.message)

    await asyncio.gather(*(ask(item) for item in interruptions))
    return state


@cache
def _tool(remote: tools.RemoteTool) -> FunctionTool:
    async def invoke(context: ToolContext[Any], arguments: str) -> str:
        try:
            given = json.loads(arguments or "{}")
        except ValueError as error:
            return f"The arguments of {remote.name} are not valid: no JSON: {error}"
        try:
            result = await remote.invoke(given, id=context.tool_call_id)
        except tools.ToolError as error:
            return error.message  # for the model, as of any tool
        return result if isinstance(result, str) else to_json(result).decode()

    # Strict schemas have no optional fields: the SDK would make them required.
    return FunctionTool(remote.name, remote.description, remote.parameters, invoke, strict_json_schema=False)


def _arguments(text: Any) -> dict[str, Any]:
    try:
        given = json.loads(text or "{}")
    except (TypeError, ValueError):
        given = text
    return given if isinstance(given, dict) else {"arguments": given}
