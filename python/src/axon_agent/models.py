"""Owns what a model's name means: `test`, or `provider:name` as pydantic-ai knows it.

1. A name chooses among pydantic-ai's own providers; it never names a module to import.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from axon_agent.errors import describe

_NAME = re.compile(r"[a-z0-9][a-z0-9/-]{0,63}:[^\s\x00-\x1f]{1,200}")
_VALID = "Valid are `test` (no network, for trying things) and `provider:name`, for example `openai:gpt-5`."


class ModelError(Exception):
    """A model's name that means nothing here; the message says what does."""


@lru_cache(maxsize=64)
def find_model(name: str) -> Any:
    """The pydantic-ai model of a name; `ModelError` when there is none, or its provider lacks a package or a key.

    Kept, because a model owns its provider's HTTP client.
    """
    if name == "test" or name.startswith("test:"):
        from pydantic_ai.models.test import TestModel  # noqa: PLC0415

        return TestModel()
    if not _NAME.fullmatch(name):
        raise ModelError(f"There is no model {name[:100]!r}. {_VALID}")
    from pydantic_ai.models import infer_model  # noqa: PLC0415

    try:
        return infer_model(name)
    except Exception as error:
        said = describe(error).rstrip(".")
        hint = f" {_VALID}" if said.startswith("Unknown model") else ""
        raise ModelError(f"Model {name!r} cannot be used: {said}.{hint}") from error
