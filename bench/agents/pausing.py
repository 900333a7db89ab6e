"""A function that waits: runs that are still in flight when something happens."""

import asyncio


async def agent(prompt: str) -> str:
    await asyncio.sleep(float(prompt))
    return prompt
