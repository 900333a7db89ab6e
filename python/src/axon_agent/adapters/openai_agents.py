"""Owns agents of the OpenAI Agents SDK: a request to `Runner`, its events and results to the wire.

Messages are `openai_messages`'s, the model `test` is `openai_test_model`'s.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from agents import Agent, FunctionTool, Model, RunConfig, Runner
from agents.agent_output import AgentOutputSchema, AgentOutputSchemaBase
from agents.models.multi_provider import MultiProvider

from axon_agent import messages as wire
from axon_agent.adapters.base import Call, Emit, Outcome, encode
from axon_agent.adapters.openai_messages import call_of, output_of, to_items, to_wire
from axon_agent.adapters.openai_test_model import TestModel
from axon_agent.adapters.openai_tools import decide, with_tools
from axon_agent.errors import RunError, StartError, describe
from axon_agent.models import ModelError
from axon_agent.request import RunRequest, request_schema

_THOUGHTS = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})


class OpenAIAgentsRunner:
    """Runs an agent and those it hands over to. `model` is the definition's; it replaces the model of all of them."""

    framework = "openai-agents"

    def __init__(self, agent: Agent[Any], name: str, model: str | None) -> None:
        self._agent = with_tools(agent)
        try:
            self._model = _find_model(model) if model else None
        except ModelError as error:
            raise StartError.caused("import", "AGENT_MODEL_INVALID", str(error), error) from error

    def prepare(self, request: RunRequest) -> Call:
        model = self._model
        if "model" in request:
            try:
                model = _find_model(request["model"])
            except ModelError as error:
                raise RunError("AGENT_MODEL_INVALID", str(error)) from error
        options: dict[str, Any] = {"context": request.get("deps")}
        for name, limit in request.get("usage_limits", {}).items():
            if name != "request_limit" or limit is None or limit < 1:
                message = f"usage_limits.{name}: openai-agents has only request_limit, of at least 1"
                raise RunError("RUN_REQUEST_INVALID", f"The request is invalid: {message}.")
            options["max_turns"] = int(limit)
        metadata = request.get("metadata")
        options["run_config"] = RunConfig(
            model=model,
            # Traces go over the network.
            tracing_disabled=isinstance(model, TestModel),
            trace_metadata={key: wire.as_text(value) for key, value in metadata.items()} if metadata else None,
        )
        return request, to_items(wire.history(request), request["prompt"]), options

    async def run(self, call: Call, emit: Emit | None) -> Outcome:
        request, items, options = call
        result = await self._go(items, options, emit)
        while result.interruptions:
            result = await self._go(await decide(result.to_state(), result.interruptions), options, emit)
        before = [*wire.history(request), wire.request(wire.user_prompt(request["prompt"]))]
        added = to_wire(result.raw_responses, result.new_items)
        used = result.context_wrapper.usage
        usage = {
            "requests": used.requests,
            "tool_calls": sum(item.type == "tool_call_output_item" for item in result.new_items),
            "input_tokens": used.input_tokens,
            "cache_read_tokens": used.input_tokens_details.cached_tokens,
            "output_tokens": used.output_tokens,
            "total_tokens": used.total_tokens,
        }
        return Outcome(
            result=encode(result.final_output, "output"),
            messages=encode([*before, *added], "messages"),
            usage=encode(usage, "usage"),
        )

    async def _go(self, given: Any, options: dict[str, Any], emit: Emit | None) -> Any:
        """From the items of a request, or from the state of a run that was interrupted, to the next end."""
        if emit is None:
            return await Runner.run(self._agent, given, **options)
        result = Runner.run_streamed(self._agent, given, **options)
        try:
            await _tell(result, self._agent, emit)
        finally:
            if not result.is_complete:
                result.cancel()
            # The run is over when its task is, not before.
            if result.run_loop_task is not None:
                await asyncio.wait([result.run_loop_task])
        return result

    def schema(self) -> dict[str, Any]:
        tools = [
            {"name": tool.name, "description": tool.description, "parameters": tool.params_json_schema}
            for tool in self._agent.tools
            if isinstance(tool, FunctionTool)
        ]
        return {"input": request_schema(), "output": self._output_schema(), "tools": tools}

    def _output_schema(self) -> dict[str, Any]:
        kind = self._agent.output_type
        if kind is None or kind is str:
            return {"type": "string"}
        if isinstance(kind, AgentOutputSchemaBase) and not isinstance(kind, AgentOutputSchema):
            return kind.json_schema()
        try:
            from pydantic import TypeAdapter  # noqa: PLC0415

            # Without the object that the SDK wraps around what is none.
            told = TypeAdapter(kind.output_type if isinstance(kind, AgentOutputSchema) else kind)
            return told.json_schema(mode="serialization")
        except Exception:
            return {}


@lru_cache(maxsize=64)
def _find_model(name: str) -> Model:
    """`test`, `openai:name`, or `provider:name` as the SDK's MultiProvider knows it; `ModelError` with what it says."""
    if name == "test" or name.startswith("test:"):
        return TestModel()
    provider, _, rest = name.partition(":")
    known = name if not rest else rest if provider == "openai" else f"{provider}/{rest}"
    try:
        return MultiProvider().get_model(known)
    except Exception as error:
        raise ModelError(f"Model {name[:100]!r} cannot be used: {describe(error).rstrip('.')}.") from error


async def _tell(result: Any, first: Agent[Any], emit: Emit) -> None:
    has_text = False
    async for event in result.stream_events():
        match event.type:
            case "raw_response_event" if event.data.type == "response.output_text.delta":
                has_text = True
                await emit("text.delta", {"text": event.data.delta})
            case "raw_response_event" if event.data.type in _THOUGHTS:
                await emit("thinking.delta", {"text": event.data.delta})
            case "run_item_stream_event":
                item = event.item
                if item.type == "message_output_item":
                    if not has_text:  # a model that does not stream
                        await _whole(item, emit)
                    has_text = False
                else:
                    await _item(item, emit)
            case "agent_updated_stream_event" if event.new_agent is not first:
                await emit("custom", {"name": "agent", "value": event.new_agent.name})


async def _whole(item: Any, emit: Emit) -> None:
    said = "".join(getattr(part, "text", "") for part in item.raw_item.content)
    if said:
        await emit("text.delta", {"text": said})


async def _item(item: Any, emit: Emit) -> None:
    if item.type in ("tool_call_item", "handoff_call_item"):
        call, name, arguments = call_of(item)
        await emit("tool.call", {"id": call, "name": name, "arguments": arguments})
    elif item.type in ("tool_call_output_item", "handoff_output_item"):
        await emit("tool.result", {"id": call_of(item)[0], "result": output_of(item)})
