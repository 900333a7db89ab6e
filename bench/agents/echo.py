"""Answers with its prompt: what is left is Axon's own work."""


async def agent(prompt: str) -> str:
    return prompt
