"""Owns the adapters that other installed packages bring, as entry points of the group `axon_agent.adapters`.

An entry point's name is the module whose classes it is for; its value is an `Adapter`, often a module of functions.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from axon_agent.adapters.base import Adapter
from axon_agent.errors import StartError, describe

GROUP = "axon_agent.adapters"


@dataclass
class Plugin:
    """One entry point, loaded when it is first needed."""

    entry: EntryPoint

    @property
    def is_due(self) -> bool:
        """Whether the module that it is for is loaded, so that there can be agents of its."""
        return self.entry.name in sys.modules

    def adapter(self) -> Adapter:
        """What it gives; `StartError` naming the package that brings something else."""
        return self._adapter

    @cached_property
    def _adapter(self) -> Adapter:
        try:
            loaded = self.entry.load()
        except BaseException as error:
            message = f"{self._told} could not be loaded: {type(error).__name__}: {describe(error)}"
            raise StartError.caused("import", "AGENT_IMPORT_FAILED", message, error) from error
        missing = [name for name in ("is_agent", "make_runner") if not callable(getattr(loaded, name, None))]
        if missing:
            message = f"{self._told} is no adapter: it has no {' and no '.join(missing)}."
            raise StartError("import", "AGENT_IMPORT_FAILED", message)
        return cast(Adapter, loaded)

    @property
    def _told(self) -> str:
        package = f" of {self.entry.dist.name}" if self.entry.dist else ""
        return f"The adapter {self.entry.name} = {self.entry.value}{package} (entry point {GROUP})"


@lru_cache(maxsize=1)
def installed() -> tuple[Plugin, ...]:
    """The entry points of this environment, read once: a host reads them for all that it forks."""
    return tuple(Plugin(entry) for entry in entry_points(group=GROUP))
