"""Tools that Node has, and approvals, as the code of agents sees them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fake_node import Agent, FakeNode, events

from axon_agent import tools

LOOKUP = {
    "name": "lookup",
    "description": "Looks an order up",
    "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
}


def answer(agent: Agent, frame: dict[str, Any], **told: Any) -> None:
    """Answers a question of the agent's as Node does."""
    kind = "tool.approved" if frame["type"] == "tool.approval" else "tool.returned"
    agent.send({"type": kind, **{key: frame[key] for key in ("run", "attempt", "id")}, **told})


FUNCTION = """
from axon_agent.tools import ToolError, remote

names = [tool.name for tool in remote()]

async def run(prompt, tools):
    try:
        return [names, await tools['lookup'].invoke({'id': prompt})]
    except ToolError as error:
        return [error.code, error.message, error.kind]
"""


async def test_a_function_calls_the_tools_of_its_parameter_and_its_module_knows_them(node: FakeNode) -> None:
    agent = await node.start(node.module(FUNCTION), tools=[LOOKUP])
    asked = asyncio.create_task(agent.run({"prompt": "7"}))
    frame = await agent.frame("tool.invoke")
    assert frame == {
        "type": "tool.invoke",
        "run": "r1",
        "attempt": 1,
        "id": frame["id"],
        "tool": "lookup",
        "arguments": {"id": "7"},
    }
    answer(agent, {**frame, "id": "another"}, result="of no call")
    answer(agent, frame, result={"open": True})
    assert (await asked).json()["result"] == [["lookup"], {"open": True}]

    asked = asyncio.create_task(agent.run({"prompt": "8"}, "r2"))
    frame = await agent.frame("tool.invoke", run="r2")
    answer(agent, frame, error={"code": "TOOL_RAISED", "message": "no such order", "kind": "TypeError"})
    assert (await asked).json()["result"] == ["TOOL_RAISED", "no such order", "TypeError"]


THREAD = """
from axon_agent.tools import remote

def run(prompt):
    return remote()[0].call({'id': prompt})
"""


async def test_synchronous_code_waits_in_its_thread(node: FakeNode) -> None:
    agent = await node.start(node.module(THREAD), tools=[LOOKUP])
    asked = asyncio.create_task(agent.run({"prompt": "7"}))
    answer(agent, await agent.frame("tool.invoke"), result=1)
    assert (await asked).json()["result"] == 1


BLOCKING = """
from axon_agent.tools import remote

async def run(prompt):
    return remote()[0].call({'id': prompt})
"""


async def test_a_call_that_would_stop_the_event_loop_is_refused(node: FakeNode) -> None:
    agent = await node.start(node.module(BLOCKING), tools=[LOOKUP])
    error = (await agent.run({"prompt": "7"})).json()["error"]
    assert error["kind"] == "RuntimeError"
    assert "await lookup.invoke()" in error["message"]


LARGE = """
from axon_agent.tools import ToolError, remote

async def run(prompt):
    try:
        await remote()[0].invoke({'id': 'x' * 2_000_000})
    except ToolError as error:
        return [error.code, error.message]
"""


async def test_arguments_that_are_longer_than_a_frame_are_an_error_and_nothing_is_sent(node: FakeNode) -> None:
    agent = await node.start(node.module(LARGE), tools=[LOOKUP])
    code, message = (await agent.run({"prompt": "7"})).json()["result"]
    assert code == "TOOL_ARGUMENTS_INVALID"
    assert "lookup" in message
    assert not [frame for frame in agent.frames if frame["type"] == "tool.invoke"]


GIVES_UP = """
import asyncio
from axon_agent.tools import remote

async def run(prompt):
    try:
        await asyncio.wait_for(remote()[0].invoke({'id': prompt}, id='mine'), 0.05)
    except asyncio.TimeoutError:
        return 'gave up'
"""


async def test_a_task_that_is_cancelled_takes_its_call_back(node: FakeNode) -> None:
    agent = await node.start(node.module(GIVES_UP), tools=[LOOKUP])
    assert (await agent.run({"prompt": "7"})).json()["result"] == "gave up"
    frame = await agent.frame("tool.cancel")
    assert frame == {"type": "tool.cancel", "run": "r1", "attempt": 1, "id": "mine"}
    answer(agent, {**frame, "type": "tool.invoke"}, result="too late")
    assert (await agent.run({"prompt": "7"}, "r2")).json()["result"] == "gave up"


def test_outside_of_a_run_there_is_nobody_to_ask() -> None:
    tool = tools.RemoteTool("lookup", "", {})
    with pytest.raises(RuntimeError, match="outside of a run"):
        tool.call({})


AGENT = """
from pydantic_ai import Agent

agent = Agent('test')
"""


async def test_a_pydantic_ai_agent_has_the_tools_and_streams_their_events(node: FakeNode) -> None:
    agent = await node.start(node.module(AGENT), tools=[LOOKUP])
    asked = asyncio.create_task(agent.run({"prompt": "hi"}, route="run_stream"))
    frame = await agent.frame("tool.invoke")
    assert (frame["tool"], frame["arguments"]) == ("lookup", {"id": "a"})
    answer(agent, frame, result={"open": True})
    told = events(await asked)
    call, result = (data for _, name, data in told if name in ("tool.call", "tool.result"))
    assert call == {"id": frame["id"], "name": "lookup", "arguments": {"id": "a"}}
    assert result == {"id": frame["id"], "result": {"open": True}}
    assert told[-1][2]["result"] == '{"lookup":{"open":true}}'


async def test_what_a_tool_cannot_do_is_told_to_the_model_which_may_try_again(node: FakeNode) -> None:
    agent = await node.start(node.module(AGENT), tools=[LOOKUP])
    asked = asyncio.create_task(agent.run({"prompt": "hi"}))
    answer(agent, await agent.frame("tool.invoke"), error={"code": "TOOL_ARGUMENTS_INVALID", "message": "id: no order"})
    await agent.until(lambda: sum(frame["type"] == "tool.invoke" for frame in agent.frames) == 2)
    again = [frame for frame in agent.frames if frame["type"] == "tool.invoke"][1]
    answer(agent, again, error={"code": "TOOL_RAISED", "message": "it is closed", "kind": "Error"})
    body = (await asked).json()
    said = [part["content"] for message in body["messages"] for part in message["parts"] if "content" in part]
    assert said == ["hi", "id: no order", "it is closed", body["result"]]


ASKS = """
from axon_agent.tools import approve

async def run(prompt):
    approval = await approve('refund', {'id': prompt})
    return [approval.is_approved, approval.message]
"""


async def test_a_run_asks_a_person_and_its_stream_tells_so(node: FakeNode) -> None:
    agent = await node.start(node.module(ASKS))
    asked = asyncio.create_task(agent.run({"prompt": "7"}, route="run_stream"))
    frame = await agent.frame("tool.approval")
    assert (frame["tool"], frame["arguments"]) == ("refund", {"id": "7"})
    agent.send({**frame, "type": "tool.pending", "dueAt": 123})
    answer(agent, frame, approved=False, message="not today")
    told = events(await asked)
    assert told[1][1:] == (
        "tool.approval",
        {"id": frame["id"], "name": "refund", "arguments": {"id": "7"}, "due_at": 123},
    )
    assert told[-1][2]["result"] == [False, "not today"]


@pytest.mark.parametrize("prompt", ["return", "raise"])
async def test_an_answer_that_waits_for_a_person_begins_before_it_is_known(node: FakeNode, prompt: str) -> None:
    source = ASKS.replace("return [", "assert prompt != 'raise'\n    return [")
    agent = await node.start(node.module(source))
    content = b'{"prompt":"%s"}' % prompt.encode()

    async def pend() -> dict[str, Any]:
        frame = await agent.frame("tool.approval")
        agent.send({**frame, "type": "tool.pending", "dueAt": 123})
        return frame

    pending = asyncio.create_task(pend())
    async with (
        agent.http() as client,
        client.stream("POST", "/agents/writer/run_sync", content=content, headers=agent.headers("r1")) as response,
    ):
        assert response.status_code == 200
        answer(agent, await pending, approved=True)
        body = (await response.aread()).lstrip()
    assert body.startswith(b'{"result":[true,""]' if prompt == "return" else b'{"error":{"code":"AGENT_RAISED"')


APPROVED = """
from pydantic_ai import Agent

agent = Agent('test')

@agent.tool_plain(requires_approval=True)
def refund(id: str) -> str:
    return 'refunded ' + id
"""


@pytest.mark.parametrize(("approved", "said"), [(True, "refunded a"), (False, "not today")])
async def test_a_tool_of_pydantic_ai_that_requires_approval_waits_for_it(
    node: FakeNode, approved: bool, said: str
) -> None:
    agent = await node.start(node.module(APPROVED))
    asked = asyncio.create_task(agent.run({"prompt": "hi"}))
    frame = await agent.frame("tool.approval")
    assert (frame["tool"], frame["arguments"]) == ("refund", {"id": "a"})
    answer(agent, frame, approved=approved, message="not today")
    assert json.loads((await asked).json()["result"]) == {"refund": said}
