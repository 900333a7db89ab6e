"""Reads what the finder found, and keeps notes in memory: they are worth nothing once the finder's sources are gone."""

import os

notes: list[str] = []


async def agent(prompt, deps):
    notes.extend(f"{source}: worth reading" for source in deps["sources"])
    return {"pid": os.getpid(), "notes": notes}
