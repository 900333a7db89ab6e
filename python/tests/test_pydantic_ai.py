"""pydantic-ai agents, with models that need no network."""

from __future__ import annotations

from fake_node import FakeNode, events

TOOL = """
from pydantic_ai import Agent

agent = Agent('test', instructions='be kind')

@agent.tool_plain
def add(a: int, b: int) -> int:
    "Adds."
    return a + b
"""


async def test_an_agent_with_a_tool_runs_and_streams(node: FakeNode) -> None:
    agent = await node.start(node.module(TOOL))
    assert (await agent.ready())["agent"]["framework"] == "pydantic-ai"
    answer = (await agent.run({"prompt": "hi"})).json()
    assert answer["result"] == '{"add":0}'
    assert answer["usage"]["total_tokens"] == answer["usage"]["input_tokens"] + answer["usage"]["output_tokens"] > 0
    assert answer["usage"]["requests"] == 2
    assert answer["usage"]["tool_calls"] == 1
    assert [message["kind"] for message in answer["messages"]] == ["request", "response", "request", "response"]

    told = events(await agent.run({"prompt": "hi"}, "r2", route="run_stream"))
    assert [number for number, _, _ in told] == list(range(1, len(told) + 1))
    names = [name for _, name, _ in told]
    assert names[:3] == ["run.started", "tool.call", "tool.result"]
    assert set(names[3:-1]) == {"text.delta"}
    assert names[-1] == "run.result"
    assert told[1][2]["name"] == "add"
    assert told[1][2]["arguments"] == {"a": 0, "b": 0}
    assert told[2][2] == {"id": told[1][2]["id"], "result": 0}
    assert "".join(data["text"] for _, name, data in told if name == "text.delta") == told[-1][2]["result"]


HISTORY = """
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.function import FunctionModel

def answer(messages, info):
    said = [part.content for message in messages for part in message.parts if part.part_kind == 'user-prompt']
    return ModelResponse(parts=[TextPart(' then '.join(said))])

agent = Agent(FunctionModel(answer))
"""


async def test_the_second_answers_messages_begin_with_the_firsts(node: FakeNode) -> None:
    agent = await node.start(node.module(HISTORY))
    first = (await agent.run({"prompt": "one"})).json()
    second = (await agent.run({"prompt": "two", "message_history": first["messages"]}, "r2")).json()
    assert second["result"] == "one then two"
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert len(second["messages"]) == 4
