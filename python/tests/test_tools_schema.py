"""What the schema route tells of an agent's tools: its own, and those that Node has."""

from __future__ import annotations

from typing import Any

import pytest
from fake_node import FakeNode
from pydantic_ai import Agent, FunctionToolset
from pydantic_ai.models.test import TestModel

from axon_agent.adapters import make_runner

LOOKUP = {
    "name": "lookup",
    "description": "Looks an order up",
    "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
}

PYDANTIC_AI = """
from pydantic_ai import Agent

agent = Agent('test')

@agent.tool_plain
def own(word: str) -> str:
    'Does its own.'
    return word
"""

OPENAI = """
from agents import Agent, function_tool

@function_tool
def own(word: str) -> str:
    'Does its own.'
    return word

agent = Agent(name='support', tools=[own])
"""

GRAPH = """
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

@tool
def own(word: str) -> str:
    'Does its own.'
    return word

graph = StateGraph(MessagesState)
graph.add_node('tools', ToolNode([own]))
graph.add_edge(START, 'tools')
agent = graph.compile()
"""

FUNCTION = """
def run(prompt, tools):
    return prompt
"""


@pytest.mark.parametrize(
    ("source", "model", "own"),
    [(PYDANTIC_AI, None, ["own"]), (OPENAI, "test", ["own"]), (GRAPH, None, ["own"]), (FUNCTION, None, [])],
    ids=["pydantic-ai", "openai-agents", "langgraph", "function"],
)
async def test_the_schema_lists_the_tools_of_the_framework_and_those_of_node(
    node: FakeNode, source: str, model: str | None, own: list[str]
) -> None:
    agent = await node.start(node.module(source), model=model, tools=[LOOKUP])
    async with agent.http() as client:
        tools = (await client.get("/agents/writer/schema")).json()["tools"]
    assert [tool["name"] for tool in tools] == [*own, "lookup"]
    assert tools[-1] == LOOKUP
    for tool in tools[:-1]:
        assert tool["description"] == "Does its own."
        assert tool["parameters"]["properties"]["word"]["type"] == "string"


def test_tools_in_toolsets_are_described_by_the_names_that_the_model_sees() -> None:
    def own(word: str) -> str:
        """Does its own."""
        return word

    plain: FunctionToolset[Any] = FunctionToolset([own])
    toolsets = [plain, plain.prefixed("my"), plain.renamed({"our": "own"}).prefixed("my"), plain.approval_required()]
    described = make_runner(Agent(TestModel(), toolsets=toolsets), "agent", None).schema()["tools"]
    assert [tool["name"] for tool in described] == ["own", "my_own", "my_our", "own"]
