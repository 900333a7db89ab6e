"""Agents of the OpenAI Agents SDK, with models that need no network."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from agents import Agent, RunContextWrapper, function_tool, set_tracing_disabled
from openai_model import Adder, add
from pydantic import BaseModel
from runner_kit import answer, said, shape, stream

from axon_agent.adapters import Runner, is_framework_agent, make_runner
from axon_agent.errors import RunError, StartError

set_tracing_disabled(True)


def runner(agent: Agent[Any], model: str | None = None) -> Runner:
    return make_runner(agent, "agent", model)


async def test_an_agent_answers_with_text_conversation_and_usage() -> None:
    agent = Agent(name="adder", model=Adder(), tools=[add])
    assert is_framework_agent(agent)
    body = await answer(runner(agent), "one and two")
    assert body["result"] == "It is 3 "
    assert shape(body["messages"]) == [["user-prompt"], ["thinking", "tool-call"], ["tool-return"], ["text"]]
    assert body["usage"] == {
        "requests": 2,
        "tool_calls": 1,
        "input_tokens": 5,
        "cache_read_tokens": 0,
        "output_tokens": 4,
        "total_tokens": 9,
    }


async def test_an_agent_streams_thoughts_tools_and_words() -> None:
    events, body = await stream(runner(Agent(name="adder", model=Adder(), tools=[add])))
    assert events == [
        ("thinking.delta", {"text": "hm"}),
        ("tool.call", {"id": "call-1", "name": "add", "arguments": {"a": 1, "b": 2}}),
        ("tool.result", {"id": "call-1", "result": 3}),
        ("text.delta", {"text": "It "}),
        ("text.delta", {"text": "is "}),
        ("text.delta", {"text": "3 "}),
    ]
    assert body["result"] == said(events)
    assert body["usage"]["total_tokens"] == 9
    assert body["messages"][1]["usage"] == {"input_tokens": 1, "output_tokens": 2}


async def test_messages_sent_back_are_kept_as_they_are_and_seen_by_the_model() -> None:
    model = Adder()
    agent = runner(Agent(name="adder", model=model, tools=[add]))
    first = await answer(agent, "one")
    second = await answer(agent, "two", message_history=first["messages"])
    assert second["messages"][:4] == first["messages"]
    assert model.given[2] == [
        {"role": "user", "content": "one"},
        {"type": "function_call", "call_id": "call-1", "name": "add", "arguments": '{"a":1,"b":2}'},
        {"type": "function_call_output", "call_id": "call-1", "output": "3"},
        {"role": "assistant", "content": "It is 3 "},
        {"role": "user", "content": "two"},
    ]


class Verdict(BaseModel):
    kind: Literal["good", "bad"]
    score: int


async def test_the_output_type_is_the_result() -> None:
    agent = runner(Agent(name="judge", output_type=Verdict), "test")
    assert (await answer(agent))["result"] == {"kind": "good", "score": 0}
    assert agent.schema()["output"]["properties"]["score"]["type"] == "integer"
    assert (await answer(runner(Agent(name="list", output_type=list[int]), "test")))["result"] == []


@dataclass
class Point:
    x: int


async def test_the_test_model_calls_each_tool_and_tells_what_it_gave_back() -> None:
    @function_tool
    def find(point: Point, name: str, again: bool = False) -> str:
        """Finds."""
        return f"{name} at {point.x}"

    agent = runner(Agent(name="finder", tools=[find, add]), "test:anything")
    body = await answer(agent)
    assert body["result"] == '{"find": "a at 0", "add": "0"}'
    assert (body["usage"]["requests"], body["usage"]["tool_calls"]) == (2, 2)
    assert body["usage"]["total_tokens"] > 0
    events, streamed = await stream(agent, message_history=body["messages"])
    assert [name for name, _ in events][:4].count("tool.call") == 2
    assert said(events) == streamed["result"]
    assert (await answer(runner(Agent(name="bare"), "test")))["result"] == "success (no tool calls)"


async def test_a_request_may_choose_the_model() -> None:
    agent = runner(Agent(name="bare", model=Adder()))
    assert (await answer(agent, model="test"))["result"] == "success (no tool calls)"


async def test_deps_are_the_context() -> None:
    @function_tool
    def who(context: RunContextWrapper[Any]) -> str:
        """Says who asks."""
        return str(context.context["user"])

    body = await answer(runner(Agent(name="who", tools=[who]), "test"), deps={"user": "Ada"})
    assert body["result"] == '{"who": "Ada"}'


async def test_a_handover_is_told_and_the_other_agent_answers() -> None:
    class Hands(Adder):
        async def _answer(self, given: Any) -> list[Any]:
            from openai.types.responses import ResponseFunctionToolCall  # noqa: PLC0415

            call = ResponseFunctionToolCall(type="function_call", call_id="h", name="transfer_to_adder", arguments="{}")
            return [call]

    other = Agent(name="adder", model=Adder(), tools=[add])
    # After a handover the last item is the handover's own output.
    events, body = await stream(runner(Agent(name="desk", model=Hands(), handoffs=[other])))
    assert [name for name, _ in events][:2] == ["tool.call", "tool.result"]
    assert ("custom", {"name": "agent", "value": "adder"}) in events
    assert said(events) == body["result"]


async def test_a_tool_that_raises_is_told_to_the_model_as_the_sdk_does() -> None:
    @function_tool(name_override="add")
    def broken(a: int, b: int) -> int:
        """Adds."""
        raise LookupError("no numbers")

    events, _ = await stream(runner(Agent(name="adder", model=Adder(), tools=[broken])))
    results = [data for name, data in events if name == "tool.result"]
    assert "error occurred" in results[0]["result"]


async def test_too_many_turns_are_an_error() -> None:
    agent = runner(Agent(name="adder", model=Adder(), tools=[add]))
    with pytest.raises(Exception, match="Max turns"):
        await answer(agent, usage_limits={"request_limit": 1})
    with pytest.raises(RunError, match="only request_limit"):
        agent.prepare({"prompt": "hi", "usage_limits": {"total_tokens_limit": 1}})


@pytest.mark.parametrize("ask", [answer, stream])
async def test_a_cancelled_run_stops_its_model(ask: Any) -> None:
    model = Adder(gate=asyncio.Event())
    task = asyncio.ensure_future(ask(runner(Agent(name="adder", model=model, tools=[add]))))
    await model.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.left.is_set()


async def test_files_reach_the_model_in_the_form_of_the_responses_api() -> None:
    model = Adder()
    parts = [
        {"type": "text", "text": "look"},
        {"type": "file", "media_type": "image/png", "data": "+/8="},
        {"type": "file", "media_type": "audio/wav", "data": "AAAA"},
        {"type": "file", "media_type": "application/pdf", "url": "https://a.example/b.pdf"},
    ]
    agent = runner(Agent(name="adder", model=model, tools=[add]))
    body = await answer(agent, parts)
    assert model.given[0][0]["content"] == [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,+/8=", "detail": "auto"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "input_file", "file_url": "https://a.example/b.pdf"},
    ]
    await answer(agent, "again", message_history=body["messages"])
    assert model.given[2][0] == model.given[0][0]


def test_tools_are_in_the_schema() -> None:
    schema = runner(Agent(name="adder", tools=[add])).schema()
    assert schema["tools"][0]["name"] == "add"
    assert schema["tools"][0]["parameters"]["required"] == ["a", "b"]
    assert schema["output"] == {"type": "string"}


@pytest.mark.parametrize("model", ["openai:gpt-5", "gpt-5", "nobody:knows"])
def test_a_model_that_cannot_be_used_is_refused_at_start(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StartError, match="cannot be used") as caught:
        runner(Agent(name="bare"), model)
    assert caught.value.code == "AGENT_MODEL_INVALID"
