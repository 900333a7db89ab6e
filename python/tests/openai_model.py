"""Owns a model for tests of the OpenAI Agents SDK: it calls `add` once, then says the sum, word by word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from agents import Model, ModelResponse, Usage, function_tool
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseReasoningItem,
    ResponseReasoningSummaryTextDeltaEvent,
    ResponseTextDeltaEvent,
)
from openai.types.responses.response_reasoning_item import Summary


@function_tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


class Adder(Model):
    """Remembers what it was given; `gate` holds it up where there is one."""

    def __init__(self, gate: asyncio.Event | None = None) -> None:
        self.given: list[Any] = []
        self.entered = asyncio.Event()
        self.left = asyncio.Event()
        self._gate = gate

    async def get_response(self, system_instructions: Any, input: Any, *_: Any, **__: Any) -> ModelResponse:
        output = await self._answer(input)
        usage = Usage(requests=1, input_tokens=len(input), output_tokens=2, total_tokens=len(input) + 2)
        return ModelResponse(output=output, usage=usage, response_id=None)

    async def stream_response(self, system_instructions: Any, input: Any, *_: Any, **__: Any) -> AsyncIterator[Any]:
        output = await self._answer(input)
        for item in output:
            if item.type == "reasoning":
                yield ResponseReasoningSummaryTextDeltaEvent.model_construct(
                    type="response.reasoning_summary_text.delta", delta=item.summary[0].text
                )
            elif item.type == "message":
                for word in item.content[0].text.split():
                    yield ResponseTextDeltaEvent.model_construct(type="response.output_text.delta", delta=f"{word} ")
        usage = {"input_tokens": len(input), "output_tokens": 2, "total_tokens": len(input) + 2}
        details = {
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        response = Response.model_validate(
            {
                "id": "r",
                "created_at": 0,
                "model": "adder",
                "object": "response",
                "output": output,
                "parallel_tool_calls": False,
                "tool_choice": "auto",
                "tools": [],
                "usage": usage | details,
            }
        )
        yield ResponseCompletedEvent(type="response.completed", response=response, sequence_number=1)

    async def _answer(self, given: Any) -> list[Any]:
        self.given.append(given)
        if self._gate is not None:
            self.entered.set()
            try:
                await self._gate.wait()
            finally:
                self.left.set()
        if given[-1].get("type") == "function_call_output":
            text = ResponseOutputText(type="output_text", text=f"It is {given[-1]['output']} ", annotations=[])
            return [ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text])]
        asked = sum(item.get("role") == "user" for item in given)
        return [
            ResponseReasoningItem(id="rs", type="reasoning", summary=[Summary(type="summary_text", text="hm")]),
            ResponseFunctionToolCall(
                type="function_call", call_id=f"call-{asked}", name="add", arguments='{"a":1,"b":2}'
            ),
        ]
