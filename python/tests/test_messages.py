"""One form of conversations for all frameworks: what is written is pydantic-ai's, and each reads what others wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agents import Agent as OpenAIAgent
from agents import set_tracing_disabled
from langchain_model import Adder as LangChainAdder
from langchain_model import add as langchain_add
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from openai_model import Adder as OpenAIAdder
from openai_model import add as openai_add
from pydantic_ai import Agent, ModelMessagesTypeAdapter
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from runner_kit import answer, shape, without_times

from axon_agent import messages as wire
from axon_agent.adapters import Runner, make_runner

set_tracing_disabled(True)

SHAPE = ["user-prompt", "tool-call", "tool-return", "text"]


def langgraph() -> Runner:
    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await LangChainAdder().ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", think)
    graph.add_node("tools", ToolNode([langchain_add]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return make_runner(graph.compile(), "agent", None)


def openai_agents() -> Runner:
    return make_runner(OpenAIAgent(name="adder", model=OpenAIAdder(), tools=[openai_add]), "agent", None)


def pydantic_ai() -> Runner:
    def say(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        last = messages[-1].parts[-1]
        if last.part_kind == "tool-return":
            return ModelResponse(parts=[TextPart(f"It is {last.content} ")])
        asked = sum(part.part_kind == "user-prompt" for message in messages for part in message.parts)
        return ModelResponse(parts=[ToolCallPart("add", {"a": 1, "b": 2}, f"call-{asked}")])

    agent = Agent(FunctionModel(say))

    @agent.tool_plain
    def add(a: int, b: int) -> int:
        return a + b

    return make_runner(agent, "agent", None)


FRAMEWORKS = [langgraph, openai_agents, pydantic_ai]


def kinds(messages: list[Any]) -> list[str]:
    return [kind for parts in shape(messages) for kind in parts if kind != "thinking"]


def contains(whole: Any, part: Any) -> bool:
    """Whether `whole` has everything that `part` has."""
    if isinstance(part, dict):
        return all(name in whole and contains(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(contains(one, other) for one, other in zip(whole, part, strict=True))
    return bool(whole == part)


@pytest.mark.parametrize("first", FRAMEWORKS)
@pytest.mark.parametrize("second", FRAMEWORKS)
async def test_a_conversation_goes_from_one_framework_to_another(first: Any, second: Any) -> None:
    begun = await answer(first(), "one")
    assert kinds(begun["messages"]) == SHAPE
    gone_on = await answer(second(), "two", message_history=begun["messages"])
    assert kinds(gone_on["messages"]) == SHAPE * 2
    # The models number their calls by the prompts that they have seen.
    calls = [part for message in gone_on["messages"] for part in message["parts"] if part["part_kind"] == "tool-call"]
    assert [call["tool_call_id"] for call in calls] == ["call-1", "call-2"]
    assert contains(without_times(gone_on["messages"][:4]), without_times(begun["messages"]))


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_what_is_written_is_read_and_written_again_by_pydantic_ai(framework: Any) -> None:
    parts = [
        {"type": "text", "text": "look"},
        {"type": "file", "media_type": "image/png", "data": "+/8="},
        {"type": "file", "media_type": "image/png", "url": "https://a.example/b.png"},
        {"type": "file", "media_type": "application/pdf", "url": "https://a.example/b.pdf"},
    ]
    messages = (await answer(framework(), parts))["messages"]
    again = json.loads(ModelMessagesTypeAdapter.dump_json(ModelMessagesTypeAdapter.validate_python(messages)))
    assert kinds(again) == kinds(messages)
    for part in messages[0]["parts"][0]["content"]:
        if isinstance(part, dict):
            part.pop("data", None)  # base64 has two alphabets
    assert contains(without_times(again), without_times(messages))


def test_every_part_is_pydantic_ais() -> None:
    messages = [
        wire.request(wire.system_prompt("Be kind."), wire.user_prompt("hi")),
        wire.response(wire.thinking("hm"), wire.text("a"), wire.tool_call("c", "t", '{"a":1}'), model="m"),
        wire.request(wire.tool_return("c", "t", {"b": [1]}), wire.tool_return("d", "t", "no", is_error=True)),
    ]
    again = json.loads(ModelMessagesTypeAdapter.dump_json(ModelMessagesTypeAdapter.validate_python(messages)))
    assert contains(without_times(again), without_times(messages))


async def test_files_of_a_history_are_read_from_pydantic_ais_own_json() -> None:
    prompt = [
        {"type": "text", "text": "look"},
        {"type": "file", "media_type": "image/png", "data": "+/8="},
        {"type": "file", "media_type": "image/png", "url": "https://a.example/b.png"},
    ]
    messages = (await answer(pydantic_ai(), prompt))["messages"]
    assert wire.prompt_parts(messages[0]["parts"][0]["content"]) == prompt


@pytest.mark.parametrize("framework", [langgraph, openai_agents])
async def test_parts_that_are_not_known_are_left_out(framework: Any) -> None:
    history = [
        wire.request({"part_kind": "from-the-future", "content": 1}, wire.user_prompt("one")),
        wire.response({"part_kind": "builtin-tool-call", "tool_name": "search"}, wire.text("found")),
    ]
    body = await answer(framework(), "two", message_history=history)
    assert body["messages"][:2] == history
    assert body["messages"][3]["parts"][-1]["tool_call_id"] == "call-2"
