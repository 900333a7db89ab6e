"""Says as many small words as the prompt asks for. `endless` tells events until it is cancelled: they are no part of the answer, which would
grow with every word."""

from axon_agent import Event


async def agent(prompt):
    while prompt == "endless":
        yield Event("word", "word ")
    for _ in range(int(prompt)):
        yield "word "
