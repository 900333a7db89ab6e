"""Owns how tests look at processes that are not their children: their marks, their states, their end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

SECONDS = 30.0
"""How long a test waits for what must come; never how long it takes."""


def marked(system: str) -> list[int]:
    """Living processes that carry the system's mark in their environment."""
    mark = f"AXON_SYSTEM={system}".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                has_mark = mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
                state = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[0]
            except OSError:
                continue
            if has_mark and state not in b"ZX":
                found.append(int(name))
    return found


def state(pid: int) -> str:
    """The state that /proc shows; empty for a process that has gone or only waits to be reaped."""
    try:
        found = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()
    except OSError:
        return ""
    return "" if found in "ZX" else found


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    return state(pid) != ""


async def process_is(pid: int, wanted: str) -> None:
    """Waits until a process is in a state, "" for gone."""
    await until(lambda: state(pid) == wanted)


async def until(seen: Callable[[], object]) -> None:
    """Waits for what the kernel tells nobody, so it is asked again and again."""

    async def watch() -> None:
        while not seen():  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    await asyncio.wait_for(watch(), SECONDS)
