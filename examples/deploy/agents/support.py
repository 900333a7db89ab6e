"""The agent of the deployment example. `test:model` in axon.config.json needs no key; name a real model there."""

from pydantic_ai import Agent

agent = Agent(instructions="You answer questions about orders, in one sentence.")
