"""Owns LangGraph's compiled graphs and LangChain's runnables: a request to their input, their output to the wire.

What the input looks like is `langchain_input`'s, the events `langchain_events`'s, messages `langchain_messages`'s.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable

from axon_agent import messages as wire
from axon_agent.adapters.base import Call, Emit, Outcome, encode
from axon_agent.adapters.langchain_events import Tally, Telling
from axon_agent.adapters.langchain_input import input_shape
from axon_agent.adapters.langchain_messages import to_wire
from axon_agent.adapters.langchain_tools import asks_people, decisions
from axon_agent.errors import RunError, StartError
from axon_agent.request import RunRequest, request_schema

_NO_MODEL = "{} takes its model from the code that builds it: leave `model` out, and choose it there."


class LangChainRunner:
    """Runs a compiled graph or any other runnable."""

    def __init__(self, runnable: Runnable[Any, Any], name: str, model: str | None) -> None:
        pregel = getattr(sys.modules.get("langgraph.pregel"), "Pregel", None)
        self._graph: Any = runnable if pregel is not None and isinstance(runnable, pregel) else None
        self._runnable = runnable
        self.framework = "langgraph" if self._graph is not None else "langchain"
        if model is not None:
            message = _NO_MODEL.format("A graph" if self._graph is not None else "A runnable")
            raise StartError("import", "AGENT_MODEL_INVALID", message)
        self._asked = _schema(runnable.get_input_jsonschema)
        self._shape = input_shape(runnable, self._asked, name)
        self._has_context = self._graph is not None and self._graph.context_schema is not None

    def prepare(self, request: RunRequest) -> Call:
        if "model" in request:
            raise RunError("AGENT_MODEL_INVALID", _NO_MODEL.format("The agent"))
        if request.get("usage_limits"):
            raise _invalid(f"usage_limits: {self.framework} has none")
        deps = request.get("deps")
        fields: dict[str, Any] = {}
        options: dict[str, Any] = {}
        if self._has_context:
            options["context"] = deps
        elif deps is not None:
            fields = self._fields(deps)
        given, messages = self._shape.fill(request, fields)
        metadata = request.get("metadata", {})
        config: dict[str, Any] = {"metadata": metadata}
        if self._graph is not None and self._graph.checkpointer:
            config["configurable"] = {"thread_id": str(metadata.get("thread_id") or uuid4())}
        return request, given, messages, config, options

    async def run(self, call: Call, emit: Emit | None) -> Outcome:
        request, given, messages, config, options = call
        tally = Tally()
        config["callbacks"] = [tally]
        telling = Telling(emit, messages) if emit is not None else None
        output = await self._go(given, config, options, telling)
        while asks_people(interrupts := _interrupts(output)):
            output = await self._go(_resumed(await decisions(interrupts)), config, options, telling)
        return _outcome(output, request, messages, tally)

    async def _go(self, given: Any, config: Any, options: dict[str, Any], telling: Telling | None) -> Any:
        if telling is None:
            return await self._runnable.ainvoke(given, config, **options)
        if self._graph is not None:
            options = {**options, "stream_mode": ["updates", "custom"]}
        async with aclosing(
            self._runnable.astream_events(given, config, version="v2", **options)  # type: ignore[type-var]
        ) as events:
            async for event in events:
                await telling.hear(event)
        return telling.output

    def schema(self) -> dict[str, Any]:
        asked = request_schema()
        if self._has_context:
            asked["properties"]["deps"] = _schema(self._graph.get_context_jsonschema)
        else:
            fields = _without(self._asked, "messages", self._shape.prompt, self._shape.history)
            if fields.get("properties"):
                asked["properties"]["deps"] = {**fields, "required": []}
        return {"input": asked, "output": self._output_schema(), "tools": self._tools()}

    def _fields(self, deps: Any) -> dict[str, Any]:
        """Further fields of the input; `RunError` 422 for those that it has not."""
        known = _without(self._asked, "messages", self._shape.prompt, self._shape.history)["properties"]
        if not isinstance(deps, dict) or not deps.keys() <= known.keys():
            there = f"there are {', '.join(known)}" if known else "there are none"
            raise _invalid(f"deps: an object with fields of the agent's input is wanted; {there}")
        return deps

    def _output_schema(self) -> dict[str, Any]:
        told = _schema(self._runnable.get_output_jsonschema)
        if "messages" not in told.get("properties", {}):
            return told
        fields = _without(told, "messages")
        return fields if fields["properties"] else {"type": "string"}

    def _tools(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for node in (self._graph.nodes if self._graph is not None else {}).values():
            for tool in getattr(node.bound, "tools_by_name", {}).values():
                parameters = tool.tool_call_schema
                if not isinstance(parameters, dict):
                    parameters = _schema(parameters.model_json_schema)
                found.append({"name": tool.name, "description": tool.description, "parameters": parameters})
        return found


def _interrupts(output: Any) -> Any:
    return output.get("__interrupt__") if isinstance(output, dict) else None


def _resumed(answers: dict[str, Any]) -> Any:
    from langgraph.types import Command  # noqa: PLC0415 - only a graph interrupts

    return Command(resume=answers)


def _schema(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return ask()
    except Exception:
        return {}  # a state may hold what has no JSON


def _without(schema: dict[str, Any], *names: str) -> dict[str, Any]:
    """An object's schema without these fields, and without definitions that nothing refers to any more."""
    fields = {name: its for name, its in schema.get("properties", {}).items() if name not in names}
    kept: dict[str, Any] = {
        "type": "object",
        "properties": fields,
        "required": [name for name in schema.get("required", []) if name in fields],
    }
    if "$defs" in schema and "$ref" in str(fields):
        kept["$defs"] = schema["$defs"]
    return kept


def _outcome(output: Any, request: RunRequest, given: list[BaseMessage], tally: Tally) -> Outcome:
    before = [*wire.history(request), wire.request(wire.user_prompt(request["prompt"]))]
    said = _messages(output)
    if [message.id for message in said[: len(given)]] == [message.id for message in given]:
        said = said[len(given) :]
    elif said and isinstance(output, dict):
        before = []  # the graph has changed what was said before: its state is the conversation
    tally.add(said)
    return Outcome(
        result=encode(_result(output, said), "result"),
        messages=encode([*before, *to_wire(said)], "messages"),
        usage=encode(tally.usage(), "usage"),
    )


def _messages(output: Any) -> list[BaseMessage]:
    if isinstance(output, BaseMessage):
        return [output]
    if isinstance(output, str):
        return [AIMessage(output)]
    found = output.get("messages") if isinstance(output, dict) else output
    if isinstance(found, list) and all(isinstance(one, BaseMessage) for one in found):
        return found
    return []


def _result(output: Any, said: list[BaseMessage]) -> Any:
    """A message's text; of a state what it has beside its messages, and where that is nothing the last one's text."""
    if isinstance(output, BaseMessage):
        return str(output.text)
    if not isinstance(output, dict) or not isinstance(output.get("messages"), list):
        return output
    if output.get("structured_response") is not None:
        return output["structured_response"]
    rest = {name: value for name, value in output.items() if name != "messages"}
    return rest or (str(said[-1].text) if said else "")


def _invalid(message: str) -> RunError:
    return RunError("RUN_REQUEST_INVALID", f"The request is invalid: {message}.")
