"""An agent's process from its start to its end, as real processes over real sockets."""

from __future__ import annotations

import os
import signal

from fake_node import FakeNode, events

ECHO = """
async def agent(prompt):
    return prompt
"""


async def test_a_process_says_hello_three_times_and_is_ready(node: FakeNode) -> None:
    agent = await node.start(node.module(ECHO), agent="writer")
    ready = await agent.ready()
    assert [hello["stream"] for hello in agent.hellos] == ["stdout", "stderr", "control"]
    assert {hello["pid"] for hello in agent.hellos} == {agent.process.pid}
    assert ready["agent"]["name"] == "writer"
    assert ready["agent"]["framework"] == "function"
    assert os.stat(ready["endpoint"]["path"]).st_mode & 0o777 == 0o600


async def test_a_run_is_receipted_answered_and_settled(node: FakeNode) -> None:
    agent = await node.start(node.module(ECHO))
    response = await agent.run({"prompt": "hello"})
    assert response.status_code == 200
    assert response.json() == {"result": "hello", "messages": [], "usage": {"total_tokens": 0}}
    await agent.frame("settled", run="r1")
    kinds = [frame["type"] for frame in agent.frames if frame.get("run") == "r1"]
    assert kinds == ["started", "settled"]


async def test_a_stream_has_numbered_events_and_ends_with_the_result(node: FakeNode) -> None:
    agent = await node.start(
        node.module(
            """
            from axon_agent import Event
            async def agent(prompt):
                yield 'a'
                yield Event('step', 1)
                yield {'x': 2}
                yield 'b'
            """.replace("\n            ", "\n")
        )
    )
    response = await agent.run({"prompt": "go"}, route="run_stream")
    assert response.headers["content-type"] == "text/event-stream"
    assert events(response) == [
        (1, "run.started", {"run_id": "r1"}),
        (2, "text.delta", {"text": "a"}),
        (3, "custom", {"name": "step", "value": 1}),
        (4, "custom", {"name": "value", "value": {"x": 2}}),
        (5, "text.delta", {"text": "b"}),
        (6, "run.result", {"result": "ab", "messages": [], "usage": {"total_tokens": 0}}),
    ]


async def test_drain_ends_an_idle_process_with_code_0_and_removes_its_socket(node: FakeNode) -> None:
    agent = await node.start(node.module(ECHO))
    path = (await agent.ready())["endpoint"]["path"]
    agent.send({"type": "drain"})
    assert await agent.exit() == 0
    assert not os.path.lexists(path)


async def test_the_end_of_control_kills_the_process(node: FakeNode) -> None:
    agent = await node.start(node.module(ECHO))
    await agent.ready()
    assert agent.control is not None
    agent.control.close()
    assert await agent.exit() == -signal.SIGKILL
    await agent.line("stderr", "The control connection to Axon has ended")


async def test_a_generator_that_never_waits_does_not_outlive_its_reader(node: FakeNode) -> None:
    source = "async def agent(prompt):\n    while True:\n        yield 'more '\n"
    agent = await node.start(node.module(source))
    async with (
        agent.http() as client,
        client.stream(
            "POST", f"/agents/{agent.name}/run_stream", json={"prompt": "go"}, headers=agent.headers("r1")
        ) as response,
    ):
        await anext(response.aiter_bytes())
    # The reader has gone without a word, and no cancel is sent.
    await agent.frame("settled", run="r1")
