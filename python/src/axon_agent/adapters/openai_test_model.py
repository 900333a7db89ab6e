"""Owns the model `test` of agents made with the OpenAI Agents SDK: no key, no network, always the same answer.

It does what pydantic-ai's TestModel does: calls each function tool once, then answers with what they gave back, or with
the smallest value that the output type allows.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from agents import FunctionTool, Model, ModelResponse, Usage
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
)

_NOTHING_CALLED = "success (no tool calls)"


class TestModel(Model):
    """The model."""

    __test__ = False  # not a test, though its name begins like one

    async def get_response(
        self,
        system_instructions: Any,
        input: Any,
        model_settings: Any,
        tools: Any,
        output_schema: Any,
        *_: Any,
        **__: Any,
    ) -> ModelResponse:
        output = _answer(input, tools, output_schema)
        return ModelResponse(output=output, usage=_used(input, output), response_id=None)

    async def stream_response(
        self,
        system_instructions: Any,
        input: Any,
        model_settings: Any,
        tools: Any,
        output_schema: Any,
        *_: Any,
        **__: Any,
    ) -> AsyncIterator[Any]:
        output = _answer(input, tools, output_schema)
        number = 0
        for item in output:
            if isinstance(item, ResponseOutputMessage):
                for word in _pieces(item.content[0].text):  # type: ignore[union-attr]
                    number += 1
                    yield ResponseTextDeltaEvent(
                        type="response.output_text.delta",
                        delta=word,
                        content_index=0,
                        output_index=0,
                        item_id=item.id,
                        logprobs=[],
                        sequence_number=number,
                    )
        used = _used(input, output)
        response = Response.model_construct(
            id="test", output=output, usage=_response_usage(used), object="response", model="test"
        )
        yield ResponseCompletedEvent.model_construct(
            type="response.completed", response=response, sequence_number=number + 1
        )


def _answer(given: Any, tools: list[Any], output_schema: Any) -> list[Any]:
    items = given if isinstance(given, list) else []
    last = max((at for at, item in enumerate(items) if item.get("role") == "user"), default=-1)
    returned = [item for item in items[last + 1 :] if item.get("type") == "function_call_output"]
    if not returned:
        calls = [tool for tool in tools if isinstance(tool, FunctionTool)]
        if calls:
            return [_call(tool, f"test-{len(items)}-{at}") for at, tool in enumerate(calls)]
    if output_schema is not None and not output_schema.is_plain_text():
        return [_message(json.dumps(smallest(output_schema.json_schema())))]
    names = {item["call_id"]: item["name"] for item in items if item.get("type") == "function_call"}
    told = {names.get(item["call_id"], item["call_id"]): item["output"] for item in returned}
    return [_message(json.dumps(told) if told else _NOTHING_CALLED)]


def _call(tool: FunctionTool, call: str) -> ResponseFunctionToolCall:
    arguments = json.dumps(smallest(tool.params_json_schema))
    return ResponseFunctionToolCall(type="function_call", call_id=call, name=tool.name, arguments=arguments)


def _message(text: str) -> ResponseOutputMessage:
    content = ResponseOutputText(type="output_text", text=text, annotations=[])
    return ResponseOutputMessage(id="test", type="message", role="assistant", status="completed", content=[content])


def _pieces(text: str) -> list[str]:
    words = text.split(" ")
    return [word if at == len(words) - 1 else f"{word} " for at, word in enumerate(words)]


def _used(given: Any, output: list[Any]) -> Usage:
    # Words, since nobody counts tokens here.
    asked = len(str(given).split())
    answered = sum(len(item.model_dump_json().split()) for item in output)
    return Usage(requests=1, input_tokens=asked, output_tokens=answered, total_tokens=asked + answered)


def _response_usage(used: Usage) -> Any:
    from openai.types.responses import ResponseUsage  # noqa: PLC0415

    return ResponseUsage.model_construct(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        total_tokens=used.total_tokens,
        input_tokens_details=used.input_tokens_details,
        output_tokens_details=used.output_tokens_details,
    )


def smallest(schema: dict[str, Any], defs: dict[str, Any] | None = None, depth: int = 0) -> Any:
    """A small value that a JSON Schema allows, as far as types, enums, unions and minima go."""
    defs = schema.get("$defs", {}) if defs is None else defs
    if "$ref" in schema:
        return smallest(defs.get(str(schema["$ref"]).rpartition("/")[2], {}), defs, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            # Of something that contains itself the way out is null, or the last one.
            options = schema[union]
            null = next((one for one in options if one.get("type") == "null"), options[-1])
            return smallest(null if depth > 8 else options[0], defs, depth + 1)
    match schema.get("type"):
        case "object":
            wanted = schema.get("required", [])
            fields = schema.get("properties", {})
            return {name: smallest(fields.get(name, {}), defs, depth + 1) for name in wanted}
        case "array":
            count = 0 if depth > 8 else schema.get("minItems", 0)
            return [smallest(schema.get("items", {}), defs, depth + 1) for _ in range(count)]
        case "string":
            return "a" * max(1, schema.get("minLength", 1))
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        case "boolean":
            return False
    return None
