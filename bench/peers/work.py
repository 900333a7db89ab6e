"""What every peer serves: an echo, and one run of pydantic-ai's test model. A module of plain functions, as pythonia bridges it."""

from agents.support import agent


def echo(prompt: str) -> str:
    return prompt


async def model(prompt: str) -> str:
    return (await agent.run(prompt)).output


def model_sync(prompt: str) -> str:
    return agent.run_sync(prompt).output
