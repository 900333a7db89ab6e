"""Owns the choice of the adapter for an agent object. Each adapter owns one framework."""

from __future__ import annotations

import sys
from typing import Any

from axon_agent.adapters.base import Call, Emit, Outcome, Runner
from axon_agent.errors import StartError, describe

__all__ = ["Call", "Emit", "Outcome", "Runner", "is_framework_agent", "make_runner"]


def is_framework_agent(found: Any) -> bool:
    """Whether this is an agent object of a framework that Axon knows."""
    # Only a module that is loaded can have made the object, so nothing is imported to find out.
    framework = sys.modules.get("pydantic_ai.agent")
    return framework is not None and isinstance(found, framework.AbstractAgent)


def make_runner(found: Any, name: str, model: str | None) -> Runner:
    """The adapter of an agent object. `model` is the definition's. Raises `StartError`."""
    if is_framework_agent(found):
        try:
            from axon_agent.adapters.pydantic_ai import PydanticAIRunner  # noqa: PLC0415
        except ImportError as error:
            message = f"Axon needs pydantic-ai-slim 2.54 or newer: {describe(error)}."
            raise StartError.caused("import", "AGENT_IMPORT_FAILED", message, error) from error
        return PydanticAIRunner(found, model)
    if callable(found) and not isinstance(found, type):
        from axon_agent.adapters.function import FunctionRunner  # noqa: PLC0415

        return FunctionRunner(found, name, model)
    message = (
        f"{name} is {_article(found)}, which is no agent: give a pydantic-ai Agent, a function or a callable object."
    )
    raise StartError("import", "AGENT_OBJECT_MISSING", message)


def _article(found: Any) -> str:
    return f"the class {found.__qualname__}" if isinstance(found, type) else f"a {type(found).__qualname__}"
