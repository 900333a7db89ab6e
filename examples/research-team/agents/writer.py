"""Writes a paragraph from the reader's notes, as a stream of words."""


async def agent(prompt, deps):
    yield f"On {prompt}: "
    for note in deps["notes"]:
        yield f"{note}. "
