"""A pydantic-ai agent with one tool. The model is chosen where the agent is declared."""

from pydantic_ai import Agent

agent = Agent(instructions="You answer shortly, and you know the weather.")


@agent.tool_plain
def weather(city: str) -> str:
    """Today's weather in a city."""
    return f"It is sunny in {city}."
