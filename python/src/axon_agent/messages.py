"""Owns the one form that conversations have on the wire: pydantic-ai's ModelMessage JSON, written and read without it.

What a framework makes of it belongs to its adapter.

1. What is written here is read by pydantic-ai's ModelMessagesTypeAdapter, of every version that Axon supports.
2. What other agents have written is read leniently: a part that is not known is left out, a wrong shape is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, cast

from axon_agent.errors import RunError
from axon_agent.request import FileUrl, Part, RunRequest

Message = dict[str, Any]
"""A request or a response, as JSON."""

_URLS = ("image", "audio", "video")


def request(*parts: dict[str, Any]) -> Message:
    """What goes to a model: prompts and the results of tools."""
    return {"kind": "request", "parts": list(parts), "timestamp": _now()}


def response(
    *parts: dict[str, Any], model: str | None = None, input_tokens: int = 0, output_tokens: int = 0
) -> Message:
    """What a model has said."""
    usage = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    return {"kind": "response", "parts": list(parts), "usage": usage, "model_name": model, "timestamp": _now()}


def user_prompt(prompt: str | list[Part]) -> dict[str, Any]:
    """The part of a prompt as it came in the request."""
    content = prompt if isinstance(prompt, str) else [_content(part) for part in prompt]
    return {"part_kind": "user-prompt", "content": content, "timestamp": _now()}


def system_prompt(text: str) -> dict[str, Any]:
    """The part of instructions that stand in the conversation."""
    return {"part_kind": "system-prompt", "content": text, "timestamp": _now()}


def text(content: str) -> dict[str, Any]:
    """The part of what a model answers."""
    return {"part_kind": "text", "content": content}


def thinking(content: str) -> dict[str, Any]:
    """The part of what a model thinks."""
    return {"part_kind": "thinking", "content": content}


def tool_call(call: str, name: str, arguments: Any) -> dict[str, Any]:
    """The part of a call; `arguments` is an object, or its JSON as the model wrote it."""
    return {"part_kind": "tool-call", "tool_name": name, "args": arguments, "tool_call_id": call}


def tool_return(call: str, name: str, content: Any, *, is_error: bool = False) -> dict[str, Any]:
    """The part of what a tool gave back."""
    return {
        "part_kind": "tool-return",
        "tool_name": name,
        "content": content,
        "tool_call_id": call,
        "timestamp": _now(),
        "outcome": "failed" if is_error else "success",
    }


def history(asked: RunRequest) -> list[Message]:
    """The `message_history` of a request; `RunError` 422 naming what is no message."""
    messages = asked.get("message_history") or []
    for index, message in enumerate(messages):
        match message:
            case {"kind": "request" | "response", "parts": list(parts)} if all(isinstance(one, dict) for one in parts):
                continue
        wanted = "a message is { kind: 'request' | 'response', parts: [...] }, as in `messages` of an answer"
        raise RunError("RUN_REQUEST_INVALID", f"The request is invalid: message_history.{index}: {wanted}.")
    return messages


def prompt_parts(content: Any) -> list[Part]:
    """The parts of a user's prompt in a history, as a request would have them."""
    parts: list[Part] = []
    for item in content if isinstance(content, list) else [content]:
        match item:
            case str():
                parts.append({"type": "text", "text": item})
            case {"kind": "text", "content": str(said)}:
                parts.append({"type": "text", "text": said})
            case {"kind": "binary", "data": str(data), "media_type": str(media_type)}:
                # pydantic-ai writes base64 for URLs; nobody else reads it.
                standard = data.replace("-", "+").replace("_", "/")
                parts.append({"type": "file", "media_type": media_type, "data": standard})
            case {"url": str(url), "kind": str(kind)}:
                known = item.get("media_type")
                media_type = known if isinstance(known, str) else f"{kind.removesuffix('-url')}/*"
                parts.append({"type": "file", "media_type": media_type, "url": url})
    return parts


def arguments_of(part: dict[str, Any]) -> Any:
    """A call's arguments as a value; what is no JSON stays as the model wrote it."""
    arguments = part.get("args")
    if isinstance(arguments, str):
        with suppress(ValueError):
            arguments = json.loads(arguments) if arguments else {}
    return {} if arguments is None else arguments


def as_text(content: Any) -> str:
    """A value for a framework that has only text in this place."""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def parts_of(messages: list[Message]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each message's kind and parts."""
    for message in messages:
        yield message["kind"], message["parts"]


def _content(part: Part) -> Any:
    if part["type"] == "text":
        return part["text"]
    media_type = part["media_type"]
    if "url" in part:
        kind = media_type.partition("/")[0]
        url = cast(FileUrl, part)["url"]
        return {"kind": f"{kind if kind in _URLS else 'document'}-url", "url": url, "media_type": media_type}
    return {"kind": "binary", "data": part["data"], "media_type": media_type}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
