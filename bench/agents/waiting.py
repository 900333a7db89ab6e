"""Holds every run until the file GATE is there: one task looks for it, however many wait."""

import asyncio
import os
from collections.abc import AsyncIterator

GATE = os.environ["GATE"]
_looking: asyncio.Task[None] | None = None


async def _look() -> None:
    while not os.path.exists(GATE):
        await asyncio.sleep(0.01)


async def run(prompt: str) -> AsyncIterator[str]:
    global _looking
    yield "begun "
    if _looking is None or _looking.done():
        _looking = asyncio.create_task(_look())
    await asyncio.shield(_looking)
    yield prompt
