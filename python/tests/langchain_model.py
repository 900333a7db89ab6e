"""Owns a chat model for tests of LangChain and LangGraph: it calls `add` once, then says the sum, word by word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


class Adder(BaseChatModel):
    """Stateless: what it says follows from what it is given."""

    @property
    def _llm_type(self) -> str:
        return "adder"

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=_answer(messages))])

    def _stream(self, messages: list[BaseMessage], *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        message = _answer(messages)
        for call in message.tool_calls:
            piece = tool_call_chunk(name=call["name"], args='{"a": 1, "b": 2}', id=call["id"], index=0)
            thought: list[str | dict[Any, Any]] = [{"type": "reasoning", "reasoning": "hm"}]
            yield ChatGenerationChunk(message=AIMessageChunk(content=thought, tool_call_chunks=[piece]))
        for word in str(message.text).split():
            yield ChatGenerationChunk(message=AIMessageChunk(content=f"{word} "))
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=message.usage_metadata))


def _answer(messages: list[BaseMessage]) -> AIMessage:
    used = UsageMetadata(input_tokens=len(messages), output_tokens=2, total_tokens=len(messages) + 2)
    last = messages[-1]
    if isinstance(last, ToolMessage):
        return AIMessage(f"It is {last.content} ", usage_metadata=used)
    asked = sum(isinstance(message, HumanMessage) for message in messages)
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": f"call-{asked}"}
    return AIMessage([{"type": "reasoning", "reasoning": "hm"}], tool_calls=[call], usage_metadata=used)
