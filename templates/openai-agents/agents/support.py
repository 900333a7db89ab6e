from agents import Agent, function_tool


@function_tool
def weather(city: str) -> str:
    """Today's weather in a city."""
    return f"It is sunny in {city}."


agent = Agent(name="support", instructions="Answer in one sentence.", tools=[weather])
