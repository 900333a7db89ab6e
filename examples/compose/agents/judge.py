"""Decides between reviews, as a stream of words."""

from pydantic import BaseModel


class Case(BaseModel):
    remarks: list[str]


async def agent(prompt: str, deps: Case):
    yield f"On {prompt!r}: "
    for remark in deps.remarks:
        yield f"“{remark}” "
    yield "Write one more sentence."
