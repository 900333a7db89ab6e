"""Tools that Node has, and approvals, in agents of LangGraph and of the OpenAI Agents SDK."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from agents import Agent as OpenAIAgent
from agents import function_tool
from fake_node import Agent, FakeNode, events

from axon_agent import tools
from axon_agent.adapters.openai_tools import with_tools
from axon_agent.errors import StartError

LOOKUP: dict[str, Any] = {
    "name": "lookup",
    "description": "Looks an order up",
    "parameters": {
        "type": "object",
        "properties": {"self": {"type": "string"}, "limit": {"type": "integer"}},
        "required": ["self"],
    },
}

GRAPH = """
from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from axon_agent import tools

def think(state: MessagesState):
    last = state['messages'][-1]
    if last.type == 'tool':
        return {'messages': [AIMessage(f'{last.status}: {last.content}')]}
    call = {'name': 'lookup', 'args': {'self': 'a'}, 'id': 'call-1'}
    return {'messages': [AIMessage('', tool_calls=[call])]}

graph = StateGraph(MessagesState)
graph.add_node('model', think)
graph.add_node('tools', ToolNode(tools.langchain()))
graph.add_edge(START, 'model')
graph.add_conditional_edges('model', tools_condition)
graph.add_edge('tools', 'model')
agent = graph.compile()
"""

OPENAI = """
from agents import Agent

agent = Agent(name='support')
"""

FRAMEWORKS = pytest.mark.parametrize(
    ("source", "model", "said"),
    [
        (GRAPH, None, ['success: {"open": true}', "error: it is closed"]),
        (OPENAI, "test", ['{"lookup": "{\\"open\\":true}"}', '{"lookup": "it is closed"}']),
    ],
    ids=["langgraph", "openai-agents"],
)


def answer(agent: Agent, frame: dict[str, Any], **told: Any) -> None:
    """Answers a question of the agent's as Node does."""
    kind = "tool.approved" if frame["type"] == "tool.approval" else "tool.returned"
    agent.send({"type": kind, **{key: frame[key] for key in ("run", "attempt", "id")}, **told})


@FRAMEWORKS
async def test_an_agent_calls_a_tool_of_node_and_streams_its_events(
    node: FakeNode, source: str, model: str | None, said: list[str]
) -> None:
    agent = await node.start(node.module(source), model=model, tools=[LOOKUP])
    asked = asyncio.create_task(agent.run({"prompt": "hi"}, route="run_stream"))
    frame = await agent.frame("tool.invoke")
    assert frame["tool"] == "lookup"
    assert "self" in frame["arguments"]
    answer(agent, frame, result={"open": True})
    told = events(await asked)
    call, result = (data for _, name, data in told if name in ("tool.call", "tool.result"))
    assert call == {"id": frame["id"], "name": "lookup", "arguments": frame["arguments"]}
    assert result["id"] == frame["id"]
    assert told[-1][2]["result"] == said[0]


@FRAMEWORKS
async def test_what_the_tool_could_not_do_is_told_to_the_model(
    node: FakeNode, source: str, model: str | None, said: list[str]
) -> None:
    agent = await node.start(node.module(source), model=model, tools=[LOOKUP])
    asked = asyncio.create_task(agent.run({"prompt": "hi"}))
    answer(agent, await agent.frame("tool.invoke"), error={"code": "TOOL_RAISED", "message": "it is closed"})
    assert (await asked).json()["result"] == said[1]


@FRAMEWORKS
async def test_a_run_that_is_cancelled_takes_its_call_back(
    node: FakeNode, source: str, model: str | None, said: list[str]
) -> None:
    agent = await node.start(node.module(source), model=model, tools=[LOOKUP])
    asked = asyncio.create_task(agent.run({"prompt": "hi"}))
    frame = await agent.frame("tool.invoke")
    agent.send({"type": "cancel", "run": "r1", "attempt": 1})
    assert (await asked).status_code == 499
    assert (await agent.frame("tool.cancel"))["id"] == frame["id"]
    await agent.frame("settled")


@FRAMEWORKS
async def test_the_schema_lists_a_tool_of_node_once(
    node: FakeNode, source: str, model: str | None, said: list[str]
) -> None:
    agent = await node.start(node.module(source), model=model, tools=[LOOKUP])
    async with agent.http() as client:
        assert (await client.get("/agents/writer/schema")).json()["tools"] == [LOOKUP]


OPENAI_APPROVED = """
from agents import Agent, function_tool

@function_tool(needs_approval=True)
def refund(id: str) -> str:
    return 'refunded ' + id

agent = Agent(name='support', tools=[refund])
"""

GRAPH_APPROVED = """
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

def think(state: MessagesState):
    # As LangChain's HumanInTheLoopMiddleware asks and is answered.
    asked = {'action_requests': [{'name': 'refund', 'args': {'id': 'a'}}], 'review_configs': []}
    (decision,) = interrupt(asked)['decisions']
    said = 'refunded a' if decision['type'] == 'approve' else decision['message']
    return {'messages': [AIMessage(said)]}

graph = StateGraph(MessagesState)
graph.add_node('model', think)
graph.add_edge(START, 'model')
agent = graph.compile(checkpointer=InMemorySaver())
"""


@pytest.mark.parametrize("route", ["run_sync", "run_stream"])
@pytest.mark.parametrize(("approved", "said"), [(True, "refunded a"), (False, "not today")])
@pytest.mark.parametrize(
    ("source", "model"), [(GRAPH_APPROVED, None), (OPENAI_APPROVED, "test")], ids=["langgraph", "openai-agents"]
)
async def test_what_the_framework_wants_to_be_approved_waits_for_a_person(
    node: FakeNode, source: str, model: str | None, approved: bool, said: str, route: str
) -> None:
    if model is None and sys.version_info < (3, 11):
        pytest.skip("LangGraph's interrupt() does not work in async runs on Python 3.10")
    agent = await node.start(node.module(source), model=model)
    asked = asyncio.create_task(agent.run({"prompt": "hi"}, route=route))
    frame = await agent.frame("tool.approval")
    assert frame["tool"] == "refund"
    assert list(frame["arguments"]) == ["id"]
    answer(agent, frame, approved=approved, message="not today")
    response = await asked
    told = events(response) if route == "run_stream" else []
    body = told[-1][2] if told else response.json()
    given = said.replace(" a", f" {frame['arguments']['id']}")
    assert body["result"] in (given, f'{{"refund": "{given}"}}')
    assert sum(name == "tool.call" for _, name, _ in told) == (1 if told and model else 0)
    assert sum(name == "tool.result" for _, name, _ in told) == (1 if told and model else 0)
    assert [part["part_kind"] for message in body["messages"] for part in message["parts"]].count("user-prompt") == 1


def test_outside_of_axon_there_are_no_tools_and_nothing_fails() -> None:
    assert tools.langchain() == []
    assert tools.openai_agents() == []


def test_an_agent_of_openai_is_copied_for_its_tools_and_one_with_a_tool_of_that_name_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @function_tool
    def lookup() -> str:
        return ""

    # As in a host, from which the agent is then forked.
    assert tools.openai_agents() == []
    monkeypatch.setattr(tools._desk, "tools", (tools.RemoteTool(**LOOKUP),))
    bare: OpenAIAgent[Any] = OpenAIAgent(name="bare")
    assert with_tools(bare).tools == tools.openai_agents()
    assert bare.tools == []
    given: OpenAIAgent[Any] = OpenAIAgent(name="given", tools=tools.openai_agents())
    assert with_tools(given) is given
    with pytest.raises(StartError, match="lookup"):
        with_tools(OpenAIAgent(name="taken", tools=[lookup]))
