"""Owns the environment in which most hosts of these tests run: axon_agent's own dependencies and no framework.

A host imports every framework that it finds: three of them cost seconds of each test. This environment is what an agent
that is a function has; tests of what frameworks do to a host take the fixture `full_host`.
"""

from __future__ import annotations

import os
import venv
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

_OURS = ("fastapi", "uvicorn", "pydantic", "uvloop", "httptools")


def make(folder: Path) -> str:
    """Makes it of links into the tests' own environment; its interpreter."""
    venv.EnvBuilder(symlinks=True).create(folder)
    [packages] = folder.glob("lib/python*/site-packages")
    for path in _files(_with_what_they_need(_OURS)):
        (packages / path.name).symlink_to(path)
    return str(folder / "bin/python")


def _with_what_they_need(names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            needed = map(Requirement, distribution(name).requires or [])
            ahead += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def _files(names: set[str]) -> set[Path]:
    """What lies in site-packages of these distributions. The byte code of single modules is in one folder for all."""
    found: set[Path] = set()
    for name in names:
        there = distribution(name)
        tops = {path.parts[0] for path in there.files or [] if path.parts[0] != os.pardir}
        found |= {Path(str(there.locate_file(top))) for top in tops | {"__pycache__"}}
    return found
