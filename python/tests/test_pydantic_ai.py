"""pydantic-ai agents, with models that need no network."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
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


PROMPTED = """
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.function import FunctionModel

def answer(messages, info):
    said = [part.content for message in messages for part in message.parts if part.part_kind == 'system-prompt']
    return ModelResponse(parts=[TextPart(', '.join(said))])

agent = Agent(FunctionModel(answer), system_prompt='Be kind.')
"""


@pytest.mark.parametrize(
    ("prompts", "result"), [([], "Be kind."), ([{"part_kind": "system-prompt", "content": "Be brief."}], "Be brief.")]
)
async def test_a_history_without_a_system_prompt_gets_the_agents_own(
    node: FakeNode, prompts: list[dict[str, str]], result: str
) -> None:
    agent = await node.start(node.module(PROMPTED))
    history = [
        {"kind": "request", "parts": [*prompts, {"part_kind": "user-prompt", "content": "one"}]},
        {"kind": "response", "parts": [{"part_kind": "text", "content": "two"}]},
    ]
    assert (await agent.run({"prompt": "three", "message_history": history})).json()["result"] == result


FACES = """
from dataclasses import dataclass
from typing import Any
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models.function import DeltaThinkingPart, DeltaToolCall, FunctionModel
from pydantic_ai.models.test import TestModel

@dataclass
class Deps:
    user: str
    data: bytes = b''

class Answer(BaseModel):
    text: str
    score: float

with_deps = Agent(TestModel(), deps_type=Deps)

@with_deps.tool
def who(ctx: RunContext[Deps]) -> str:
    return ctx.deps.user

structured = Agent(TestModel(), output_type=Answer)

def see(messages, info):
    kinds = [type(part).__name__ if not isinstance(part, str) else part
             for message in messages for part in message.parts if part.part_kind == 'user-prompt'
             for part in ([part.content] if isinstance(part.content, str) else part.content)]
    return ModelResponse(parts=[TextPart(','.join(kinds))])

seeing = Agent(FunctionModel(see))

async def thinks(messages, info):
    if len(messages) == 1:
        yield {0: DeltaThinkingPart(content='hm')}
        yield {1: DeltaToolCall(name='flaky', json_args='{"n": 1}', tool_call_id='c1')}
    elif len(messages) == 3:
        yield {0: DeltaToolCall(name='flaky', json_args='{"n": 2}', tool_call_id='c2')}
    else:
        yield 'do'
        yield 'ne'

thinking = Agent(FunctionModel(stream_function=thinks))

@thinking.tool_plain(retries=2)
def flaky(n: int) -> Any:
    if n == 1:
        raise ModelRetry('try two')
    return {'n': n, 'nan': float('nan')} if n == 3 else {'n': n}

raising = Agent(TestModel())

@raising.tool_plain
def explode() -> str:
    raise LookupError('boom')

modelless = Agent()
"""


async def test_the_events_of_a_run_that_thinks_fails_and_succeeds(node: FakeNode) -> None:
    node.module(FACES)
    agent = await node.start("mod:thinking")
    told = events(await agent.run({"prompt": "go"}, route="run_stream"))
    assert [(name, data) for _, name, data in told[1:-2]] == [
        ("thinking.delta", {"text": "hm"}),
        ("tool.call", {"id": "c1", "name": "flaky", "arguments": {"n": 1}}),
        ("tool.result", {"id": "c1", "error": told[3][2]["error"]}),
        ("tool.call", {"id": "c2", "name": "flaky", "arguments": {"n": 2}}),
        ("tool.result", {"id": "c2", "result": {"n": 2}}),
        ("text.delta", {"text": "do"}),
    ]
    assert "try two" in told[3][2]["error"]
    assert told[-1][2]["result"] == "done"


async def test_deps_are_made_from_json_and_checked(node: FakeNode) -> None:
    node.module(FACES)
    agent = await node.start("mod:with_deps")
    answer = await agent.run({"prompt": "hi", "deps": {"user": "ann"}})
    assert answer.json()["result"] == '{"who":"ann"}'
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"deps": {"user": 7}}, "deps.user"),
        ({}, "deps"),
        ({"deps": {}}, "deps.user"),
    ]
    for request, wanted in refusals:
        refused = await agent.run({"prompt": "hi", **request}, "r2")
        assert refused.status_code == 422
        assert wanted in refused.json()["error"]["message"]
    async with agent.http() as client:
        schema = (await client.get("/agents/writer/schema")).json()
    assert schema["framework"] == "pydantic-ai"
    assert "user" in json.dumps(schema["input"]["properties"]["deps"])
    assert [tool["name"] for tool in schema["tools"]] == ["who"]


async def test_structured_output_is_json(node: FakeNode) -> None:
    node.module(FACES)
    agent = await node.start("mod:structured")
    assert (await agent.run({"prompt": "hi"})).json()["result"] == {"text": "a", "score": 0}
    told = events(await agent.run({"prompt": "hi"}, "r2", route="run_stream"))
    assert [name for _, name, _ in told] == ["run.started", "run.result"]
    async with agent.http() as client:
        output = (await client.get("/agents/writer/schema")).json()["output"]
    assert set(output["properties"]) == {"text", "score"}


async def test_parts_of_a_prompt_come_back_from_the_history_unchanged(node: FakeNode) -> None:
    node.module(FACES)
    agent = await node.start("mod:seeing")
    parts = [
        {"type": "text", "text": "look"},
        {"type": "file", "media_type": "image/png", "url": "https://example.com/a"},
        {"type": "file", "media_type": "audio/wav", "url": "https://example.com/b"},
        {"type": "file", "media_type": "application/pdf", "url": "https://example.com/c"},
        {"type": "file", "media_type": "image/png", "data": "_-8=".translate({95: "/", 45: "+"})},
    ]
    first = (await agent.run({"prompt": parts})).json()
    assert first["result"].startswith("look,ImageUrl,AudioUrl,DocumentUrl,Binary")
    second = (await agent.run({"prompt": "more", "message_history": first["messages"]}, "r2")).json()
    assert second["result"] == first["result"] + ",more"
    assert second["messages"][: len(first["messages"])] == first["messages"]
    bad = [{"type": "file", "media_type": "image/png", "data": "%"}]
    refused = await agent.run({"prompt": bad}, "r3")
    assert refused.status_code == 422
    assert "prompt.0.data" in refused.json()["error"]["message"]


async def test_requests_that_pydantic_ai_cannot_take_are_422(node: FakeNode) -> None:
    node.module(FACES)
    agent = await node.start("mod:modelless")
    refusals: list[tuple[dict[str, Any], str, str]] = [
        ({}, "AGENT_MODEL_INVALID", "model"),
        ({"model": "os:system"}, "AGENT_MODEL_INVALID", "provider:name"),
        ({"model": "x"}, "AGENT_MODEL_INVALID", "provider:name"),
        ({"model": "test", "usage_limits": {"requests": 1}}, "RUN_REQUEST_INVALID", "usage_limits.requests"),
        (
            {"model": "test", "usage_limits": {"request_limit": 1.5}},
            "RUN_REQUEST_INVALID",
            "request_limit",
        ),
        ({"model": "test", "message_history": [{"kind": "no"}]}, "RUN_REQUEST_INVALID", "message_history.0"),
    ]
    for request, code, wanted in refusals:
        refused = await agent.run({"prompt": "hi", **request})
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, code), request
        assert wanted in refused.json()["error"]["message"]
    assert (await agent.run({"prompt": "hi", "model": "test:x", "metadata": {"k": 1}})).status_code == 200


@pytest.mark.parametrize("route", ["run_sync", "run_stream"])
async def test_limits_and_exceptions_are_the_agents(node: FakeNode, route: str) -> None:
    node.module(FACES)
    agent = await node.start("mod:raising")
    limited = await agent.run({"prompt": "hi", "usage_limits": {"request_limit": 0}}, route=route)
    raised = await agent.run({"prompt": "hi"}, "r2", route=route)
    for answer, kind in [(limited, "UsageLimitExceeded"), (raised, "LookupError")]:
        error = (answer.json() if route == "run_sync" else events(answer)[-1][2])["error"]
        assert (error["code"], error["kind"]) == ("AGENT_RAISED", kind)
    assert "mod.py" in error["traceback"]
    assert error["message"] == "boom"


async def test_a_cancel_reaches_the_models_request(node: FakeNode) -> None:
    source = HISTORY.replace("def answer(", "def unused(").replace("FunctionModel(answer)", "FunctionModel(hang)")
    hang = (
        "import asyncio\n"
        "async def hang(messages, info):\n"
        "    print('model called')\n"
        "    try:\n"
        "        await asyncio.sleep(60)\n"
        "    except asyncio.CancelledError:\n"
        "        print('model cancelled')\n"
        "        raise\n"
    )
    agent = await node.start(node.module(hang + source))
    task = asyncio.ensure_future(agent.run({"prompt": "hi"}))
    await agent.line("stdout", "model called")
    agent.send({"type": "cancel", "run": "r1", "attempt": 1})
    assert (await task).status_code == 499
    await agent.frame("settled", run="r1")
    await agent.line("stdout", "model cancelled")
