from collections.abc import AsyncIterator


async def agent(prompt: str) -> AsyncIterator[str]:
    """Whatever takes a prompt is an agent: a function that returns, or, as this one, a generator whose pieces are streamed."""
    # A real model: `async for piece in your_client.stream(prompt): yield piece`
    for word in ("You ", "said: ", prompt):
        yield word
