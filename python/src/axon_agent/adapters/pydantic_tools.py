"""Owns TypeScript's tools and the approvals of people in pydantic-ai's words. What is asked of Node is `tools`'s."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any, get_args

from pydantic_ai import ModelRetry, RunContext, Tool
from pydantic_ai.capabilities import HandleDeferredToolCalls
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolDenied
from pydantic_ai.toolsets import (
    AbstractToolset,
    ApprovalRequiredToolset,
    CombinedToolset,
    FunctionToolset,
    PrefixedToolset,
    RenamedToolset,
    WrapperToolset,
)

from axon_agent import tools


def toolset() -> FunctionToolset[Any]:
    """The tools of the agent's definition; the same one each time."""
    return _toolset(tuple(tools.remote()))


# By the tools: a host, from which agents are forked, has none.
@cache
def _toolset(remote: tuple[tools.RemoteTool, ...]) -> FunctionToolset[Any]:
    return FunctionToolset([_tool(one) for one in remote], id="axon")


def for_run(agent: Any) -> dict[str, Any]:
    """What `agent.run` is given beside the request: the tools, and who is asked for approvals; where it needs them."""
    given: dict[str, Any] = {}
    own: Sequence[AbstractToolset[Any]] = agent.toolsets
    if tools.remote() and not any(one is toolset() for one in own):
        given["toolsets"] = [toolset()]
    # A capability costs each run a twentieth of a millisecond or more: only those have it that may need it.
    if _may_defer(agent.output_type) or any(_may_ask(one) for one in own):
        given["capabilities"] = [HandleDeferredToolCalls(handler=_ask_for_all)]
    return given


def described(toolsets: Sequence[AbstractToolset[Any]], prefix: str = "") -> list[dict[str, Any]]:
    """Name, description and parameters of the tools in `toolsets`. Nothing is known of those made for each run."""
    told: list[dict[str, Any]] = []
    for one in toolsets:
        match one:
            case FunctionToolset():
                told += [
                    {
                        "name": f"{prefix}{tool.name}",
                        "description": tool.description,
                        "parameters": tool.function_schema.json_schema,
                    }
                    for tool in one.tools.values()
                ]
            case CombinedToolset():
                told += described(one.toolsets, prefix)
            case PrefixedToolset():
                told += described([one.wrapped], f"{prefix}{one.prefix}_")
            case RenamedToolset():
                new = {before: name for name, before in one.name_map.items()}
                for tool in described([one.wrapped]):
                    told.append({**tool, "name": prefix + new.get(tool["name"], tool["name"])})
            case WrapperToolset():
                told += described([one.wrapped], prefix)
    return told


def _tool(remote: tools.RemoteTool) -> Tool[Any]:
    async def invoke(ctx: RunContext[Any], /, **arguments: Any) -> Any:
        try:
            return await remote.invoke(arguments, id=ctx.tool_call_id)
        except tools.ToolError as error:
            if error.code == "TOOL_ARGUMENTS_INVALID":
                raise ModelRetry(error.message) from error
            raise ToolFailed(error.message) from error

    return Tool.from_schema(invoke, remote.name, remote.description, remote.parameters, takes_ctx=True)


async def _ask_for_all(_: RunContext[Any], requests: DeferredToolRequests) -> DeferredToolResults | None:
    if not requests.approvals:
        return None

    async def ask(call: Any) -> tuple[str, bool | ToolDenied]:
        approval = await tools.approve(call.tool_name, call.args_as_dict(), id=call.tool_call_id)
        return call.tool_call_id, True if approval.is_approved else ToolDenied(approval.message)

    answers = await asyncio.gather(*(ask(call) for call in requests.approvals))
    return requests.build_results(approvals=dict(answers))


def _may_defer(output_type: Any) -> bool:
    kinds = output_type if isinstance(output_type, Sequence) else get_args(output_type) or (output_type,)
    return DeferredToolRequests in kinds


def _may_ask(toolset: AbstractToolset[Any]) -> bool:
    """Whether one of its tools may ask for an approval; of a toolset that is made for each run nobody knows."""
    match toolset:
        case ApprovalRequiredToolset():
            return True
        case WrapperToolset():
            return _may_ask(toolset.wrapped)
        case CombinedToolset():
            return any(_may_ask(one) for one in toolset.toolsets)
        case FunctionToolset():
            return any(tool.requires_approval for tool in toolset.tools.values())
    return True
