"""Owns what a runnable is given: which of its fields take the prompt, the history and the `deps` of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from axon_agent import messages as wire
from axon_agent.adapters.langchain_messages import from_wire, human
from axon_agent.errors import RunError, StartError
from axon_agent.request import RunRequest

_PROMPTS = ("prompt", "input", "question", "query")
_HISTORIES = ("history", "chat_history", "message_history")


@dataclass(frozen=True)
class InputShape:
    """Where a prompt goes: `messages` of a state, a text field of one, a list of messages, or the text itself."""

    kind: str
    prompt: str = ""
    history: str = ""

    def fill(self, request: RunRequest, fields: dict[str, Any]) -> tuple[Any, list[BaseMessage]]:
        """The runnable's input, and the messages in it; `RunError` 422 for parts where only text fits."""
        history = from_wire(wire.history(request))
        asked = human(request["prompt"])
        if self.kind == "messages":
            return [*history, asked], [*history, asked]
        if self.kind == "state":
            return {**fields, "messages": [*history, asked]}, [*history, asked]
        if not isinstance(asked.content, str):
            message = "prompt: this agent takes text, no files"
            raise RunError("RUN_REQUEST_INVALID", f"The request is invalid: {message}.")
        if self.kind == "text":
            return asked.content, [*history, asked]
        given = {**fields, self.prompt: asked.content}
        if self.history:
            given[self.history] = history
        return given, [*history, asked]


def input_shape(runnable: Runnable[Any, Any], schema: dict[str, Any], name: str) -> InputShape:
    """The shape that a runnable's input has; `StartError` where no field of it can be the prompt."""
    if isinstance(runnable, BaseLanguageModel):
        return InputShape("messages")
    fields = schema.get("properties")
    if not fields:
        return InputShape("messages" if schema.get("type") == "array" else "text")
    if "messages" in fields:
        return InputShape("state")
    history = next((field for field in _HISTORIES if field in fields), "")
    texts = [field for field, its in fields.items() if its.get("type") == "string"]
    prompt = next((field for field in _PROMPTS if field in fields), texts[0] if len(texts) == 1 else "")
    if not prompt:
        listed = ", ".join(fields)
        message = f"{name} takes {listed}, and none of these is `messages` or one of {', '.join(_PROMPTS)}."
        raise StartError("import", "AGENT_OBJECT_MISSING", message)
    return InputShape("fields", prompt, history)
