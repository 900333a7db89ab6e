"""Owns conversations between the wire and LangChain's messages. Running anything belongs to `langchain`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from axon_agent import messages as wire
from axon_agent.request import Part

_BLOCKS = frozenset({"image", "audio", "video"})


def human(prompt: str | list[Part]) -> HumanMessage:
    """A prompt as LangChain's message, with an id by which it is known again in a graph's state."""
    return HumanMessage(_content(prompt), id=_id())


def from_wire(history: list[wire.Message]) -> list[BaseMessage]:
    """A history as LangChain's messages, each with an id of its own. Thinking is left out: it belongs to its model."""
    made: list[BaseMessage] = []
    for kind, parts in wire.parts_of(history):
        if kind == "response":
            made.append(_ai(parts))
            continue
        for part in parts:
            message = _asked(part)
            if message is not None:
                made.append(message)
    return made


def to_wire(messages: Iterable[BaseMessage]) -> list[wire.Message]:
    """LangChain's messages in the form of the wire; neighbours that go to a model are one request."""
    made: list[wire.Message] = []
    for message in messages:
        if isinstance(message, AIMessage):
            counted = message.usage_metadata
            made.append(
                wire.response(
                    *_said(message),
                    model=message.response_metadata.get("model_name"),
                    input_tokens=counted["input_tokens"] if counted else 0,
                    output_tokens=counted["output_tokens"] if counted else 0,
                )
            )
        elif made and made[-1]["kind"] == "request":
            made[-1]["parts"].append(_part(message))
        else:
            made.append(wire.request(_part(message)))
    return made


def texts(message: BaseMessage) -> tuple[str, str]:
    """What a message, or a piece of one, says and thinks."""
    if isinstance(message.content, str) and not message.additional_kwargs.get("reasoning_content"):
        return message.content, ""
    thought = []
    for block in message.content_blocks:
        if block["type"] == "reasoning":
            thought.append(block.get("reasoning") or "")
        elif block["type"] == "non_standard":
            thought.append(str(block["value"].get("thinking") or ""))
    return str(message.text), "".join(thought)


def _id() -> str:
    return f"axon-{uuid4().hex}"


def _ai(parts: list[dict[str, Any]]) -> AIMessage:
    said = [part["content"] for part in parts if part.get("part_kind") == "text"]
    calls = []
    for part in parts:
        if part.get("part_kind") == "tool-call":
            arguments = wire.arguments_of(part)
            whole = arguments if isinstance(arguments, dict) else {"arguments": arguments}
            calls.append({"name": part["tool_name"], "args": whole, "id": part["tool_call_id"]})
    return AIMessage("".join(said), tool_calls=calls, id=_id())


def _asked(part: dict[str, Any]) -> BaseMessage | None:
    match part:
        case {"part_kind": "system-prompt", "content": str(said)}:
            return SystemMessage(said, id=_id())
        case {"part_kind": "user-prompt", "content": content}:
            return HumanMessage(_content(wire.prompt_parts(content)), id=_id())
        case {"part_kind": "tool-return" | "retry-prompt", "tool_call_id": str(call), "content": content} if part.get(
            "tool_name"
        ):
            is_error = part["part_kind"] == "retry-prompt" or part.get("outcome", "success") != "success"
            return ToolMessage(
                wire.as_text(content),
                tool_call_id=call,
                name=part["tool_name"],
                status="error" if is_error else "success",
                id=_id(),
            )
        case {"part_kind": "retry-prompt", "content": content}:
            return HumanMessage(wire.as_text(content), id=_id())
    return None


def _content(prompt: str | list[Part]) -> str | list[str | dict[Any, Any]]:
    if isinstance(prompt, str):
        return prompt
    if all(part["type"] == "text" for part in prompt):
        return "\n".join(part["text"] for part in prompt if part["type"] == "text")
    blocks: list[str | dict[Any, Any]] = []
    for part in prompt:
        if part["type"] == "text":
            blocks.append({"type": "text", "text": part["text"]})
            continue
        kind = part["media_type"].partition("/")[0]
        block: dict[Any, Any] = {"type": kind if kind in _BLOCKS else "file", "mime_type": part["media_type"]}
        source: Any = part
        block |= {"url": source["url"]} if "url" in source else {"base64": source["data"]}
        blocks.append(block)
    return blocks


def _said(message: AIMessage) -> list[dict[str, Any]]:
    said, thought = texts(message)
    parts = [wire.thinking(thought)] if thought else []
    if said or not message.tool_calls:
        parts.append(wire.text(said))
    parts += [wire.tool_call(str(call["id"] or ""), call["name"], call["args"]) for call in message.tool_calls]
    parts += [
        wire.tool_call(str(call["id"] or ""), call["name"] or "", call["args"] or "")
        for call in message.invalid_tool_calls
    ]
    return parts


def _part(message: BaseMessage) -> dict[str, Any]:
    if isinstance(message, ToolMessage):
        content = message.content
        return wire.tool_return(message.tool_call_id, message.name or "", content, is_error=message.status == "error")
    if isinstance(message, SystemMessage):
        return wire.system_prompt(str(message.text))
    parts: list[Part] = []
    for block in [message.content] if isinstance(message.content, str) else message.content:
        known: Any = {"type": "text", "text": block} if isinstance(block, str) else block
        match known:
            case {"type": "text", "text": str(said)}:
                parts.append({"type": "text", "text": said})
            case {"type": str(), "mime_type": str(media_type), "base64": str(data)}:
                parts.append({"type": "file", "media_type": media_type, "data": data})
            case {"type": str(kind), "url": str(url)}:
                parts.append({"type": "file", "media_type": known.get("mime_type") or f"{kind}/*", "url": url})
    is_text = len(parts) == 1 and parts[0]["type"] == "text"
    return wire.user_prompt(str(message.text) if is_text or not parts else parts)
