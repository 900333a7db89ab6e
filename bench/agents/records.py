"""Appends each run's prompt to the file that RECORDS names, whole or not at all, and takes TAKES_S seconds: who ran twice is found there."""

import asyncio
import os

records = os.open(os.environ["RECORDS"], os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
takes_s = float(os.environ["TAKES_S"])


async def agent(prompt: str) -> str:
    os.write(records, f"{prompt}\n".encode())
    await asyncio.sleep(takes_s)
    return prompt
