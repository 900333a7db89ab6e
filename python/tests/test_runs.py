"""The life of runs in a real process: receipts, cancels, deadlines, drain."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_node import Agent, FakeNode, events, parse_event

WAITING = """
import asyncio, os, signal, time
from pathlib import Path

def note(text):
    with open('notes', 'a') as notes:
        notes.write(text + '\\n')

async def agent(prompt):
    note('called ' + prompt)
    try:
        if prompt == 'stream':
            yield 'begun'
        if prompt == 'stubborn':
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    note('ignored')
        if prompt == 'die':
            os.kill(os.getpid(), signal.SIGKILL)
        if prompt == 'short':
            yield 'short'
            return
        while not Path('release').exists():
            await asyncio.sleep(0.01)
        yield 'released'
    except asyncio.CancelledError:
        note('cancelled ' + prompt)
        raise
"""

BLOCKING = """
import time
from pathlib import Path
def agent(prompt):
    print('blocked', flush=True)
    while not Path('release').exists():
        time.sleep(0.01)
    return 'late'
"""


def notes(node: FakeNode) -> list[str]:
    path = node.folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


async def in_flight(agent: Agent, prompt: str, run: str = "r1", **options: Any) -> asyncio.Task[httpx.Response]:
    """A run whose receipt has come."""
    task = asyncio.ensure_future(agent.run({"prompt": prompt}, run, **options))
    await agent.frame("started", run=run)
    return task


async def test_the_receipt_comes_although_the_run_kills_its_process(node: FakeNode) -> None:
    agent = await node.start(node.module(WAITING))
    with pytest.raises(httpx.HTTPError):
        await agent.run({"prompt": "die"})
    await agent.exit()
    await agent.until(lambda: agent.is_control_ended)
    assert [frame["run"] for frame in agent.frames if frame["type"] == "started"] == ["r1"]
    assert notes(node) == ["called die"]


@pytest.mark.parametrize("end", ["release", "cancel"])
async def test_the_answer_of_a_run_that_lasts_begins_where_that_is_asked_for(node: FakeNode, end: str) -> None:
    agent = await node.start(node.module(WAITING))
    headers = {**agent.headers("r1"), "x-axon-begin-ms": "1"}
    body = b'{"prompt":"wait"}'
    async with (
        agent.http() as client,
        client.stream("POST", "/agents/writer/run_sync", content=body, headers=headers) as response,
    ):
        assert response.status_code == 200
        if end == "release":
            (node.folder / "release").touch()
        else:
            agent.send({"type": "cancel", "run": "r1", "attempt": 1})
        told = await response.aread()
    assert told.startswith(b' {"result":"released"' if end == "release" else b' {"error":{"code":"RUN_CANCELLED"')


async def test_the_answer_of_a_run_that_ends_sooner_is_whole(node: FakeNode) -> None:
    agent = await node.start(node.module(WAITING))
    headers = {**agent.headers("r1"), "x-axon-begin-ms": "60000"}
    async with agent.http() as client:
        answer = await client.post("/agents/writer/run_sync", content=b'{"prompt":"short"}', headers=headers)
    assert answer.content.startswith(b'{"result":"short"')
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("route", ["run_sync", "run_stream"])
async def test_node_cancels_a_run_by_its_id(node: FakeNode, route: str) -> None:
    agent = await node.start(node.module(WAITING))
    task = await in_flight(agent, "stream" if route == "run_stream" else "wait", route=route)
    agent.send({"type": "cancel", "run": "r1", "attempt": 1})
    answer = await task
    await agent.frame("settled", run="r1")
    assert notes(node)[-1].startswith("cancelled")
    if route == "run_sync":
        assert answer.status_code == 499
        error = answer.json()["error"]
    else:
        told = events(answer)
        assert [name for _, name, _ in told][-1] == "run.error"
        error = told[-1][2]["error"]
    assert error["code"] == "RUN_CANCELLED"
    assert (error["run_id"], error["agent"], error["started"], error["attempt"]) == ("r1", "writer", True, 1)


async def test_a_cancel_that_overtakes_its_run_is_kept(node: FakeNode) -> None:
    agent = await node.start(node.module(WAITING), heartbeatMs=10)
    await agent.ready()
    agent.send({"type": "cancel", "run": "early", "attempt": 1})
    agent.send({"type": "cancel", "run": "marker", "attempt": 1})
    marked = await in_flight(agent, "wait", "marked")
    agent.send({"type": "cancel", "run": "marked", "attempt": 1})
    await marked
    answer = await agent.run({"prompt": "wait"}, "early")
    assert answer.status_code == 499
    assert answer.json()["error"]["started"] is False
    assert notes(node) == ["called wait", "cancelled wait"]


@pytest.mark.parametrize("route", ["run_sync", "run_stream"])
async def test_a_run_whose_caller_leaves_is_cancelled(node: FakeNode, route: str) -> None:
    agent = await node.start(node.module(WAITING))
    task = await in_flight(agent, "stream", route=route)
    await agent.until(lambda: notes(node) or True)
    left = time.monotonic()
    task.cancel()
    await agent.frame("settled", run="r1")
    assert time.monotonic() - left < 5
    assert notes(node)[-1] == "cancelled stream"


async def test_a_deadline_answers_at_once_even_if_the_code_goes_on(node: FakeNode) -> None:
    agent = await node.start(node.module(WAITING), shutdownMs=0)
    answer = await agent.run({"prompt": "stubborn"}, deadline_ms=50)
    assert answer.status_code == 504
    error = answer.json()["error"]
    assert (error["code"], error["started"]) == ("RUN_TIMEOUT", True)
    # Its code has not ended: it is in flight, and its id is taken.
    async with agent.http() as client:
        assert (await client.get("/health")).json()["in_flight"] == 1
    again = await agent.run({"prompt": "short"})
    assert again.status_code == 409
    assert "x-axon-started" not in again.headers


async def test_a_deadline_ends_a_stream_with_an_error(node: FakeNode) -> None:
    agent = await node.start(node.module(WAITING))
    told = events(await agent.run({"prompt": "stream"}, route="run_stream", deadline_ms=300))
    assert [name for _, name, _ in told] == ["run.started", "text.delta", "run.error"]
    assert told[-1][2]["error"]["code"] == "RUN_TIMEOUT"


async def test_no_time_left_is_not_started(node: FakeNode) -> None:
    agent = await node.start(node.module(WAITING))
    answer = await agent.run({"prompt": "short"}, deadline_ms=0)
    assert (answer.status_code, answer.json()["error"]["started"]) == (504, False)
    assert notes(node) == []


async def test_a_thread_that_blocks_is_answered_for_and_settled_later(node: FakeNode) -> None:
    agent = await node.start(node.module(BLOCKING))
    task = await in_flight(agent, "x")
    await agent.line("stdout", "blocked")
    agent.send({"type": "cancel", "run": "r1", "attempt": 1})
    assert (await task).status_code == 499
    assert not [frame for frame in agent.frames if frame["type"] == "settled"]
    (node.folder / "release").touch()
    await agent.frame("settled", run="r1")


TIDY = """
import asyncio
async def agent(prompt):
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.05)
        print('cleaned', flush=True)
"""


async def test_a_second_cancel_leaves_the_cleanup_of_the_first_alone(node: FakeNode) -> None:
    agent = await node.start(node.module(TIDY))
    task = await in_flight(agent, "x")
    agent.send({"type": "cancel", "run": "r1", "attempt": 1})
    agent.send({"type": "cancel", "run": "r1", "attempt": 1, "started": True})
    assert (await task).status_code == 499
    await agent.line("stdout", "cleaned")
    await agent.frame("settled", run="r1")


async def test_every_cancel_is_answered_by_settled(node: FakeNode) -> None:
    agent = await node.start(node.module(WAITING))
    await agent.ready()
    agent.send({"type": "cancel", "run": "never", "attempt": 1})
    await agent.frame("settled", run="never")
    assert (await agent.run({"prompt": "short"}, "done")).status_code == 200
    await agent.frame("settled", run="done")
    agent.send({"type": "cancel", "run": "done", "attempt": 1, "started": True})

    def settled() -> int:
        return sum(frame["type"] == "settled" and frame["run"] == "done" for frame in agent.frames)

    await agent.until(lambda: settled() == 2)
    # It was had and has ended: the id is free again.
    assert (await agent.run({"prompt": "short"}, "done")).status_code == 200


@pytest.mark.parametrize("how", ["drain", "SIGTERM", "SIGINT"])
async def test_draining_finishes_what_runs_and_refuses_what_comes(node: FakeNode, how: str) -> None:
    agent = await node.start(node.module(WAITING), shutdownMs=30_000)
    task = await in_flight(agent, "wait")
    if how == "drain":
        agent.send({"type": "drain"})
    else:
        os.kill(agent.process.pid, getattr(signal, how))
    await agent.draining()
    refused = await agent.run({"prompt": "short"}, "r2")
    assert refused.status_code == 503
    assert refused.headers["x-axon-started"] == "false"
    error = refused.json()["error"]
    assert (error["code"], error["started"], error["retryable"]) == ("RUN_REJECTED", False, True)
    (node.folder / "release").touch()
    assert (await task).json()["result"] == "released"
    assert await agent.exit() == 0
    assert notes(node) == ["called wait"]


@pytest.mark.parametrize("how", ["time", "signal"])
async def test_what_does_not_end_in_time_is_interrupted(node: FakeNode, how: str) -> None:
    agent = await node.start(node.module(WAITING), shutdownMs=100 if how == "time" else 60_000)
    task = await in_flight(agent, "wait")
    stubborn = await in_flight(agent, "stubborn", "r2")
    os.kill(agent.process.pid, signal.SIGTERM)
    if how == "signal":
        await agent.draining()
        os.kill(agent.process.pid, signal.SIGTERM)
    for one in (task, stubborn):
        answer = await one
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "RUN_INTERRUPTED")
        assert "x-axon-started" not in answer.headers
    assert await agent.exit() == 0
    assert "cancelled wait" in notes(node)


async def test_a_stream_that_runs_while_draining_is_whole(node: FakeNode) -> None:
    agent = await node.start(node.module(WAITING), shutdownMs=30_000)
    task = await in_flight(agent, "stream", route="run_stream")
    agent.send({"type": "drain"})
    (node.folder / "release").touch()
    assert [name for _, name, _ in events(await task)][-1] == "run.result"
    assert await agent.exit() == 0


async def test_a_slow_reader_pauses_the_agent(node: FakeNode) -> None:
    agent = await node.start(
        node.module(
            "from pathlib import Path\n"
            "async def agent(prompt):\n"
            "    for number in range(2000):\n"
            "        Path('count').write_text(str(number))\n"
            "        yield 'x' * 10000\n"
        )
    )
    await agent.ready()
    path = agent.frames[0]["endpoint"]["path"]
    reader, writer = await asyncio.open_unix_connection(path, limit=4096)
    body = b'{"prompt":"x"}'
    writer.write(
        b"POST /agents/writer/run_stream HTTP/1.1\r\nhost: a\r\nx-axon-run: r1\r\n"
        b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s" % (agent.token.encode(), len(body), body)
    )
    await agent.frame("started", run="r1")
    await reader.readline()
    count = node.folder / "count"
    seen = ""
    # It has stopped when two looks, a quarter of a second apart, see the same number.
    while not (seen and await _read(count) == seen):
        seen = await _read(count)
        await asyncio.sleep(0.25)
    assert int(seen) < 1900
    rest = b""
    while b"run.result" not in rest:
        rest = rest[-20:] + await reader.read(65536)
    writer.close()
    assert await _read(count) == "1999"


async def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def test_events_are_sent_when_they_happen(node: FakeNode) -> None:
    agent = await node.start(node.module(WAITING))
    async with agent.http() as client:
        request = client.stream(
            "POST", "/agents/writer/run_stream", content=b'{"prompt":"stream"}', headers=agent.headers("r1")
        )
        async with request as response:
            text = ""
            told: list[str] = []
            async for chunk in response.aiter_text():
                text += chunk
                told = [parse_event(block)[1] for block in text.split("\n\n")[:-1]]
                if told == ["run.started", "text.delta"]:
                    (node.folder / "release").touch()
            assert told == ["run.started", "text.delta", "text.delta", "run.result"]
