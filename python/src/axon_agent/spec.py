"""Owns agents that are described rather than written: pydantic-ai's spec files, read by its own loader."""

from __future__ import annotations

import os

from axon_agent.adapters import Runner, make_runner
from axon_agent.errors import StartError, describe

SPECS = (".yaml", ".yml", ".json")


def load_spec(place: str, model: str | None) -> Runner:
    """The agent of a spec file; its `model` may be left to the definition. Raises `StartError`."""
    if not os.path.isfile(place):
        message = f"There is no file {place} in {os.getcwd()}."
        raise StartError("import", "AGENT_MODULE_NOT_FOUND", message, kind="FileNotFoundError")
    try:
        from pydantic_ai import Agent  # noqa: PLC0415 - not in every environment

        # The definition's model replaces the spec's when it runs; a spec that names none needs one to be read.
        agent = Agent.from_file(place, defer_model_check=True)
    except ImportError as error:
        message = f"{place} is a pydantic-ai spec: {describe(error)}. Add pydantic-ai-slim[spec] to `dependencies`."
        raise StartError.caused("import", "AGENT_IMPORT_FAILED", message, error) from error
    except Exception as error:
        message = f"{place} is no agent spec of pydantic-ai: {describe(error)}"
        raise StartError.caused("import", "AGENT_IMPORT_FAILED", message, error) from error
    return make_runner(agent, place, model)
