"""Answers with its prompt: what is measured is everything but the agent."""


async def agent(prompt):
    return prompt
