"""Owns what a LangChain run tells while it goes on: `astream_events` to the events of the wire, and what it has used.

1. A message that a model streams, a tool returns or a node puts into the state is told once, wherever it is seen
   first. (On Python 3.10 the callbacks of an async node reach its model only where the node passes its `config` on:
   then the state is where its messages are seen.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import LLMResult

from axon_agent.adapters.base import Emit
from axon_agent.adapters.langchain_messages import texts

_UNTOLD = "nostream"
"""LangGraph's tag of models whose words are not for the reader."""


class Telling:
    """Tells one run's events. `known` are the messages that went in."""

    def __init__(self, emit: Emit, known: Iterable[BaseMessage]) -> None:
        self._emit = emit
        self._told = {message.id for message in known}
        self._streamed: set[str] = set()
        self._texts: set[str] = set()
        self._calls: set[str] = set()
        self._returned: set[str] = set()
        self._interrupts: list[Any] = []
        self.output: Any = None

    async def hear(self, event: Any) -> None:
        """One event of `astream_events`, version 2."""
        data = event["data"]
        is_root = not event["parent_ids"]
        match event["event"]:
            case "on_chat_model_stream" | "on_llm_stream" if _UNTOLD not in event["tags"]:
                self._streamed.add(event["run_id"])
                await self._piece(data["chunk"])
            case "on_chat_model_end":
                await self._answered(event)
            case "on_tool_end":
                await self._tool(event)
            case "on_tool_error" if data.get("tool_call_id"):
                await self._return(data["tool_call_id"], {"error": str(data["error"])})
            case "on_custom_event":
                await self._emit("custom", {"name": event["name"], "value": data})
            case "on_chain_stream" if is_root:
                await self._chunk(data["chunk"])
        if is_root and event["event"].endswith("_end"):
            self.output = data["output"]
            if self._interrupts:  # as `ainvoke` answers
                state = self.output if isinstance(self.output, dict) else {}
                self.output = {**state, "__interrupt__": self._interrupts}
                self._interrupts = []

    async def _piece(self, chunk: Any) -> None:
        said, thought = texts(chunk) if isinstance(chunk, BaseMessage) else (getattr(chunk, "text", chunk), "")
        if thought:
            await self._emit("thinking.delta", {"text": thought})
        if said:
            await self._emit("text.delta", {"text": said})

    async def _answered(self, event: Any) -> None:
        message = event["data"]["output"]
        if not isinstance(message, AIMessage) or _UNTOLD in event["tags"]:
            return
        if event["run_id"] in self._streamed:
            self._told.add(message.id)
            self._texts.add(message.text)
        await self._message(message)

    async def _tool(self, event: Any) -> None:
        output = event["data"]["output"]
        answers = _answers(output)
        for message in answers:
            await self._message(message)
        if not answers and not hasattr(output, "goto"):
            # No model has asked for it: a node calls it as it is.
            await self._call(event["run_id"], event["name"], event["data"].get("input"))
            await self._return(event["run_id"], {"result": output})

    async def _chunk(self, chunk: Any) -> None:
        """What the runnable itself streams: a graph's updates and custom values, or the text of a chain."""
        match chunk:
            case ("custom", value):
                await self._emit("custom", {"name": "custom", "value": value})
            case ("updates", {"__interrupt__": interrupts}):
                self._interrupts += interrupts
            case ("updates", update):
                for message in messages_in(update):
                    await self._message(message)
            case str() if chunk and not self._streamed:
                await self._emit("text.delta", {"text": chunk})

    async def _message(self, message: BaseMessage) -> None:
        if isinstance(message, ToolMessage):
            key = "error" if message.status == "error" else "result"
            await self._return(message.tool_call_id, {key: message.content})
        elif isinstance(message, AIMessage):
            if message.id is None or message.id not in self._told:
                self._told.add(message.id)
                if message.text not in self._texts:
                    self._texts.add(message.text)
                    await self._piece(message)
            for call in message.tool_calls:
                await self._call(str(call["id"] or ""), call["name"], call["args"])

    async def _call(self, call: str, name: str, arguments: Any) -> None:
        if call not in self._calls:
            self._calls.add(call)
            await self._emit("tool.call", {"id": call, "name": name, "arguments": arguments})

    async def _return(self, call: str, outcome: dict[str, Any]) -> None:
        if call not in self._returned:
            self._returned.add(call)
            await self._emit("tool.result", {"id": call, **outcome})


class Tally(BaseCallbackHandler):
    """Counts what a run's models and tools have used, each answer once."""

    def __init__(self) -> None:
        self._answers: dict[Any, AIMessage] = {}
        self._tools: set[Any] = set()

    def on_llm_end(self, response: LLMResult, *, run_id: Any, **_: Any) -> None:
        for batch in response.generations:
            for generation in batch:
                message = getattr(generation, "message", None)
                if isinstance(message, AIMessage):
                    self._answers[message.id or run_id] = message

    def on_tool_end(self, output: Any, *, run_id: Any, **_: Any) -> None:
        self._tools.update([message.tool_call_id for message in _answers(output)] or [run_id])

    def add(self, messages: Iterable[BaseMessage]) -> None:
        """What stands in the state; what was counted already is not counted again."""
        for message in messages:
            if isinstance(message, ToolMessage):
                self._tools.add(message.tool_call_id)
            elif isinstance(message, AIMessage) and (message.usage_metadata or message.response_metadata):
                self._answers.setdefault(message.id or id(message), message)

    def usage(self) -> dict[str, Any]:
        """As in an answer; `total_tokens` is 0 where no model has counted."""
        counted: Any = [message.usage_metadata for message in self._answers.values() if message.usage_metadata]
        cached = sum((one.get("input_token_details") or {}).get("cache_read") or 0 for one in counted)
        return {
            "requests": len(self._answers),
            "tool_calls": len(self._tools),
            "input_tokens": sum(one["input_tokens"] for one in counted),
            "cache_read_tokens": cached,
            "output_tokens": sum(one["output_tokens"] for one in counted),
            "total_tokens": sum(one["total_tokens"] for one in counted),
        }


def _answers(output: Any) -> list[ToolMessage]:
    """A tool's answers to a model's call: a message, or those that a LangGraph `Command` puts into the state."""
    found = output.update if hasattr(output, "goto") else output
    return [message for message in messages_in(found) if isinstance(message, ToolMessage)]


def messages_in(update: Any) -> Iterator[BaseMessage]:
    """The messages that nodes have put into the state, however deep."""
    if isinstance(update, BaseMessage):
        yield update
    elif isinstance(update, dict):
        for value in update.values():
            yield from messages_in(value)
    elif isinstance(update, (list, tuple)):
        for value in update:
            yield from messages_in(value)
