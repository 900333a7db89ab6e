"""Owns conversations between the wire and the input and output items of the OpenAI Agents SDK (the Responses API)."""

from __future__ import annotations

from typing import Any

from agents import RunItem
from agents.items import ModelResponse
from pydantic_core import to_jsonable_python

from axon_agent import messages as wire
from axon_agent.request import Part

_IMAGE = "image"


def to_items(history: list[wire.Message], prompt: str | list[Part]) -> list[Any]:
    """A history and the prompt after it. Thinking is left out: it belongs to its model."""
    items: list[Any] = []
    for kind, parts in wire.parts_of(history):
        for part in parts:
            item = _said(part) if kind == "response" else _asked(part)
            if item is not None:
                items.append(item)
    items.append({"role": "user", "content": _content(prompt)})
    return items


def to_wire(responses: list[ModelResponse], items: list[RunItem]) -> list[wire.Message]:
    """What a run has added: each response of a model, and what the tools that it called have given back."""
    returned = {}
    for item in items:
        if item.type in ("tool_call_output_item", "handoff_output_item"):
            raw = _mapping(item.raw_item)
            returned[raw.get("call_id")] = output_of(item)
    messages = []
    for one in responses:
        output = [_mapping(raw) for raw in one.output]
        messages.append(
            wire.response(
                *[part for raw in output for part in _parts(raw)],
                input_tokens=one.usage.input_tokens,
                output_tokens=one.usage.output_tokens,
            )
        )
        calls = [raw for raw in output if raw.get("type") == "function_call" and raw["call_id"] in returned]
        if calls:
            answers = [wire.tool_return(raw["call_id"], raw["name"], returned[raw["call_id"]]) for raw in calls]
            messages.append(wire.request(*answers))
    return messages


def call_of(item: RunItem) -> tuple[str, str, Any]:
    """The id, the name and the arguments of a call, also of a tool that OpenAI hosts."""
    raw = _mapping(item.raw_item)
    call = str(raw.get("call_id") or raw.get("id") or "")
    if "arguments" in raw:
        return call, str(raw.get("name") or raw.get("type")), wire.arguments_of({"args": raw["arguments"]})
    rest = {name: value for name, value in raw.items() if name not in ("call_id", "id", "type", "status")}
    return call, str(raw.get("type") or ""), rest


def output_of(item: Any) -> Any:
    """What a tool gave back: its own value where the SDK has it, else as the model sees it."""
    if item.type == "tool_call_output_item":
        return item.output
    return _mapping(item.raw_item).get("output")


def _mapping(raw: Any) -> dict[str, Any]:
    if isinstance(raw, dict):
        return raw
    found: dict[str, Any] = to_jsonable_python(raw, exclude_none=True)
    return found


def _parts(raw: dict[str, Any]) -> list[dict[str, Any]]:
    match raw.get("type"):
        case "message":
            return [wire.text(str(one.get("text") or one.get("refusal") or "")) for one in raw["content"]]
        case "reasoning":
            thought = "\n".join(one["text"] for one in (raw.get("summary") or raw.get("content") or []))
            return [wire.thinking(thought)] if thought else []
        case "function_call":
            return [wire.tool_call(raw["call_id"], raw["name"], raw["arguments"])]
    return []


def _said(part: dict[str, Any]) -> Any:
    match part:
        case {"part_kind": "text", "content": str(said)}:
            return {"role": "assistant", "content": said}
        case {"part_kind": "tool-call", "tool_name": str(name), "tool_call_id": str(call)}:
            arguments = part.get("args")
            written = arguments if isinstance(arguments, str) else wire.as_text(wire.arguments_of(part))
            return {"type": "function_call", "call_id": call, "name": name, "arguments": written or "{}"}
    return None


def _asked(part: dict[str, Any]) -> Any:
    match part:
        case {"part_kind": "system-prompt", "content": str(said)}:
            return {"role": "system", "content": said}
        case {"part_kind": "user-prompt", "content": content}:
            return {"role": "user", "content": _content(wire.prompt_parts(content))}
        case {"part_kind": "tool-return" | "retry-prompt", "tool_call_id": str(call), "content": content} if part.get(
            "tool_name"
        ):
            return {"type": "function_call_output", "call_id": call, "output": wire.as_text(content)}
        case {"part_kind": "retry-prompt", "content": content}:
            return {"role": "user", "content": wire.as_text(content)}
    return None


def _content(prompt: str | list[Part]) -> Any:
    if isinstance(prompt, str):
        return prompt
    if len(prompt) == 1 and prompt[0]["type"] == "text":
        return prompt[0]["text"]
    return [_input(part) for part in prompt]


def _input(part: Part) -> Any:
    if part["type"] == "text":
        return {"type": "input_text", "text": part["text"]}
    source: Any = part
    media_type = part["media_type"]
    kind, _, form = media_type.partition("/")
    url = source.get("url") or f"data:{media_type};base64,{source['data']}"
    if kind == _IMAGE:
        return {"type": "input_image", "image_url": url, "detail": "auto"}
    if kind == "audio" and "data" in source:
        return {"type": "input_audio", "input_audio": {"data": source["data"], "format": form.removeprefix("x-")}}
    if "url" in source:
        return {"type": "input_file", "file_url": url}
    return {"type": "input_file", "file_data": url, "filename": f"file.{form or 'bin'}"}
