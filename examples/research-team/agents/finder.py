"""Finds sources. `/crash` ends its process at once, as a bug in a native library would."""

import os


async def agent(prompt):
    if prompt == "/crash":
        os.abort()
    return {"pid": os.getpid(), "sources": [f"{prompt}, a survey", f"{prompt} in practice"]}
