"""The agent of the benchmarks: pydantic-ai with a test model, no key and no network."""

import os

from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

agent = Agent(TestModel(custom_output_text="Hello!"))


@agent.instructions
def who() -> str:
    return f"You run in process {os.getpid()}."
