"""Owns the choice of the adapter for an agent object. Each adapter owns one framework.

1. A framework is recognised without being imported: only a module that is loaded can have made the object.
2. Adapters of other packages are loaded only once the module that they are for is loaded.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import dataclass
from typing import Any

from axon_agent.adapters.base import Adapter, Call, Emit, Outcome, Runner
from axon_agent.adapters.plugins import installed
from axon_agent.errors import StartError, describe

__all__ = [
    "FRAMEWORKS",
    "Adapter",
    "Call",
    "Emit",
    "Framework",
    "Outcome",
    "Runner",
    "is_framework_agent",
    "make_runner",
]


@dataclass(frozen=True)
class Framework:
    """One framework that Axon knows."""

    module: str
    """The module that has its agents' class."""
    kind: str
    """The class, in that module."""
    adapter: str
    """The module of its adapter, and the class in it: called with the object, its name and the model."""
    needs: str
    """The packages that the adapter can work with."""
    is_agent: bool = True
    """Whether such an object in a module is meant to be the agent; else it must be called `agent` or be named."""


FRAMEWORKS = (
    Framework("pydantic_ai.agent", "AbstractAgent", "pydantic_ai:PydanticAIRunner", "pydantic-ai-slim 2.54"),
    # Users have an `agents.agent` of their own; this module of the SDK has the class too.
    Framework("agents.lifecycle", "Agent", "openai_agents:OpenAIAgentsRunner", "openai-agents 0.24"),
    Framework("langgraph.pregel", "Pregel", "langchain:LangChainRunner", "langgraph 1.0"),
    # Models, prompts and tools are runnables too.
    Framework(
        "langchain_core.runnables", "Runnable", "langchain:LangChainRunner", "langchain-core 1.0", is_agent=False
    ),
)


def is_framework_agent(found: Any) -> bool:
    """Whether this is an agent object of a framework that Axon or an installed adapter knows."""
    framework = _framework(found)
    return framework.is_agent if framework is not None else _plugin(found) is not None


def make_runner(found: Any, name: str, model: str | None) -> Runner:
    """The adapter of an agent object. `model` is the definition's. Raises `StartError`."""
    framework = _framework(found)
    if framework is not None:
        return _adapter(framework)(found, name, model)  # type: ignore[no-any-return]
    plugin = _plugin(found)
    if plugin is not None:
        return plugin.make_runner(found, name, model)
    if callable(found) and not isinstance(found, type):
        from axon_agent.adapters.function import FunctionRunner  # noqa: PLC0415

        return FunctionRunner(found, name, model)
    if callable(getattr(found, "run", None)) or callable(getattr(found, "stream", None)):
        from axon_agent.adapters.instance import InstanceRunner  # noqa: PLC0415

        return InstanceRunner(found, name, model)
    message = (
        f"{name} is {_article(found)}, which is no agent: give an agent of a framework, a function, or an object or "
        "class with `run` or `stream`."
    )
    raise StartError("import", "AGENT_OBJECT_MISSING", message)


def _framework(found: Any) -> Framework | None:
    for framework in FRAMEWORKS:
        kind = getattr(sys.modules.get(framework.module), framework.kind, None)
        if isinstance(kind, type) and isinstance(found, kind):
            return framework
    return None


def _adapter(framework: Framework) -> Any:
    module, _, name = framework.adapter.partition(":")
    try:
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    except ImportError as error:
        message = f"Axon needs {framework.needs} or newer: {describe(error)}."
        raise StartError.caused("import", "AGENT_IMPORT_FAILED", message, error) from error


def _plugin(found: Any) -> Adapter | None:
    if inspect.isroutine(found) or inspect.ismodule(found):
        return None
    return next((one.adapter() for one in installed() if one.is_due and one.adapter().is_agent(found)), None)


def _article(found: Any) -> str:
    return f"the class {found.__qualname__}" if isinstance(found, type) else f"a {type(found).__qualname__}"
