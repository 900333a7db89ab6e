from pydantic_ai import Agent

agent = Agent(instructions="Answer in one sentence.")


@agent.tool_plain
def weather(city: str) -> str:
    """Today's weather in a city."""
    return f"It is sunny in {city}."
