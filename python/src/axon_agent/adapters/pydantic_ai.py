"""Owns agents made with pydantic-ai, from 2.54 on: requests to its arguments, its events and results to the wire."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import os
from collections.abc import AsyncIterable
from types import NoneType
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.capabilities import ReinjectSystemPrompt
from pydantic_ai.messages import (
    AudioUrl,
    BinaryContent,
    DocumentUrl,
    ImageUrl,
    ModelMessagesTypeAdapter,
    VideoUrl,
)
from pydantic_ai.usage import UsageLimits
from pydantic_core import to_json

from axon_agent.adapters.base import Call, Emit, Outcome, encode
from axon_agent.adapters.pydantic_tools import described, for_run
from axon_agent.errors import RunError, StartError, describe
from axon_agent.messages import arguments_of
from axon_agent.models import ModelError, find_model
from axon_agent.request import FileUrl, Part, RunRequest, explain, request_schema

os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")

_URLS = {"image": ImageUrl, "audio": AudioUrl, "video": VideoUrl}
_NO_DEPS: tuple[Any, ...] = (NoneType, None, object, Any)
_LIMITS = TypeAdapter(UsageLimits)
_LIMIT_NAMES = frozenset(field.name for field in dataclasses.fields(UsageLimits))
_FAILED = frozenset({"failed", "retried"})


class PydanticAIRunner:
    """Runs a pydantic-ai agent. `model` is the definition's; it replaces the agent's own."""

    framework = "pydantic-ai"

    def __init__(self, agent: AbstractAgent[Any, Any], name: str, model: str | None) -> None:
        self._agent = agent
        self._deps = _deps_adapter(agent)
        self._given = for_run(agent)
        own = agent.model
        try:
            # A model that the agent names but has not looked up yet is looked up now, where it can still be told.
            self._model = find_model(model) if model else find_model(own) if isinstance(own, str) else None
        except ModelError as error:
            raise StartError.caused("import", "AGENT_MODEL_INVALID", str(error), error) from error

    def prepare(self, request: RunRequest) -> Call:
        call: dict[str, Any] = {"infer_name": False, "model": self._model, **self._given}
        prompt = request["prompt"]
        call["user_prompt"] = (
            prompt if isinstance(prompt, str) else [_content(part, i) for i, part in enumerate(prompt)]
        )
        if "model" in request:
            try:
                call["model"] = find_model(request["model"])
            except ModelError as error:
                raise RunError("AGENT_MODEL_INVALID", str(error)) from error
        elif self._model is None and self._agent.model is None:
            message = "The agent has no model: set `model` in its definition or in the request."
            raise RunError("AGENT_MODEL_INVALID", message)
        if request.get("message_history"):
            history = _checked(ModelMessagesTypeAdapter, request["message_history"], "message_history")
            call["message_history"] = history
            # A history that another client has made lacks the agent's own prompt, and pydantic-ai adds none to it.
            if not any(part.part_kind == "system-prompt" for message in history for part in message.parts):
                call["capabilities"] = [*call.get("capabilities", ()), ReinjectSystemPrompt()]
        if "usage_limits" in request:
            call["usage_limits"] = _limits(request["usage_limits"])
        if "metadata" in request:
            call["metadata"] = request["metadata"]
        if self._deps is not None:
            call["deps"] = _checked(self._deps, request.get("deps"), "deps")
        elif request.get("deps") is not None and self._agent.deps_type not in _NO_DEPS:
            message = f"deps: {self._agent.deps_type} cannot be made from JSON."
            raise RunError("RUN_REQUEST_INVALID", f"The request is invalid: {message}")
        elif "deps" in request:
            call["deps"] = request["deps"]
        return call

    async def run(self, call: Call, emit: Emit | None) -> Outcome:
        if emit is None:
            result = await self._agent.run(**call)
        else:

            async def tell(_: Any, events: AsyncIterable[Any]) -> None:
                async for event in events:
                    told = _event(event)
                    if told is not None:
                        await emit(*told)

            result = await self._agent.run(**call, event_stream_handler=tell)
        usage = result.usage
        counted = to_json(usage, inf_nan_mode="null")
        return Outcome(
            result=encode(result.output, "output"),
            messages=result.all_messages_json(),
            usage=b'%s,"total_tokens":%d}' % (counted[:-1], usage.total_tokens),
        )

    def schema(self) -> dict[str, Any]:
        asked = request_schema()
        if self._deps is not None:
            asked["properties"]["deps"] = self._deps.json_schema()
            if not _takes_none(self._deps):
                asked["required"] = [*asked.get("required", []), "deps"]
        return {"input": asked, "output": self._output_schema(), "tools": described(self._agent.toolsets)}

    def _output_schema(self) -> dict[str, Any]:
        try:
            return self._agent.output_json_schema()
        except Exception:
            return {}


def _takes_none(adapter: TypeAdapter[Any]) -> bool:
    try:
        adapter.validate_python(None)
    except ValidationError:
        return False
    return True


def _deps_adapter(agent: AbstractAgent[Any, Any]) -> TypeAdapter[Any] | None:
    if agent.deps_type in _NO_DEPS:
        return None
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(agent.deps_type)
        adapter.json_schema()
    except Exception:
        return None  # such a type (an HTTP client, say) cannot come over the wire
    return adapter


def _checked(adapter: TypeAdapter[Any], value: Any, field: str) -> Any:
    # As JSON, since bytes and times are read otherwise from Python's own values.
    try:
        return adapter.validate_json(to_json(value))
    except ValidationError as error:
        raise RunError("RUN_REQUEST_INVALID", f"The request is invalid: {explain(error, field)}.") from error


def _limits(limits: dict[str, int | float | None]) -> UsageLimits:
    for name in limits:
        if name not in _LIMIT_NAMES:
            message = f"usage_limits.{name}: there is no such limit; there are {', '.join(sorted(_LIMIT_NAMES))}"
            raise RunError("RUN_REQUEST_INVALID", f"The request is invalid: {message}.")
    checked: UsageLimits = _checked(_LIMITS, limits, "usage_limits")
    return checked


def _content(part: Part, index: int) -> Any:
    if part["type"] == "text":
        return part["text"]
    media_type = part["media_type"]
    if "url" in part:
        kind = _URLS.get(media_type.partition("/")[0], DocumentUrl)
        return kind(url=cast(FileUrl, part)["url"], media_type=media_type)
    try:
        data = base64.b64decode(part["data"], validate=True)
        return BinaryContent.narrow_type(BinaryContent(data, media_type=media_type))
    except (binascii.Error, ValueError) as error:
        message = f"prompt.{index}.data: no base64: {describe(error)}"
        raise RunError("RUN_REQUEST_INVALID", f"The request is invalid: {message}.") from error


def _event(event: Any) -> tuple[str, Any] | None:
    """One event of pydantic-ai as an event of the wire; None for those that have no place there."""
    match event.event_kind:
        case "part_start" if event.part.part_kind in ("text", "thinking"):
            return _delta(event.part.part_kind, event.part.content)
        case "part_delta" if event.delta.part_delta_kind in ("text", "thinking"):
            return _delta(event.delta.part_delta_kind, event.delta.content_delta)
        case "function_tool_call":
            return _tool_call(event.part)
        case "function_tool_result":
            return _tool_result(event.part)
        case "part_end" if event.part.part_kind == "builtin-tool-call":
            return _tool_call(event.part)
        case "part_start" if event.part.part_kind == "builtin-tool-return":
            return _tool_result(event.part)
        case "custom":
            return "custom", {"name": event.name, "value": event}
    return None


def _delta(kind: str, text: str | None) -> tuple[str, Any] | None:
    return (f"{kind}.delta", {"text": text}) if text else None


def _tool_call(part: Any) -> tuple[str, Any]:
    return "tool.call", {"id": part.tool_call_id, "name": part.tool_name, "arguments": arguments_of(part.args)}


def _tool_result(part: Any) -> tuple[str, Any]:
    if part.part_kind == "retry-prompt" or getattr(part, "outcome", "success") in _FAILED:
        content = part.content
        text = content if isinstance(content, str) else encode(content, "tool error").decode()
        return "tool.result", {"id": part.tool_call_id, "error": text}
    return "tool.result", {"id": part.tool_call_id, "result": part.content}
