"""Says as many small words as the prompt asks for; `endless` goes on until it is cancelled."""


async def agent(prompt):
    count = 0
    while prompt == "endless" or count < int(prompt):
        count += 1
        yield "word "
