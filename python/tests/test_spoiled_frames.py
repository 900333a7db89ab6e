"""Whatever Node says is a frame, or refused as none: nothing else is raised, nothing is said that is no frame, and
nothing of it is kept."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
import tracemalloc
from typing import Any

import pytest
from channel import Ends
from fake_node import FakeNode
from host_kit import HostNode
from hypothesis import given
from hypothesis import strategies as st
from spoiled import EXAMPLES, lines, spoiled, thorough, wire
from test_protocol import LAUNCH

from axon_agent import launch, sandbox, tools
from axon_agent.protocol import (
    GENERATION,
    LONGEST_MS,
    RUN_ID,
    FrameError,
    FrameSplitter,
    decode_frame,
    read_bootstrap,
    read_launch,
)
from axon_agent.runs import Runs
from axon_agent.serve import Service

TOOL = {"name": "t", "description": "d", "parameters": {}}
ORDER = {"isRequired": False, "namesHosts": False, "read": True, "write": [], "run": [], "ports": [443]}
TOLD: dict[str, Any] = {**LAUNCH, "tools": [TOOL], "sandbox": ORDER}
BOOTSTRAP: dict[str, Any] = {
    "protocol": 1,
    "socket": "/s",
    "generation": "a/0#1",
    "nonce": "ab",
    "connected": ["stdout"],
}
RUNS: list[dict[str, Any]] = [
    {"type": "cancel", "run": "r-1", "attempt": 1, "started": True},
    {"type": "revoke", "run": "r-1", "attempt": 1},
]
ANSWERS: list[dict[str, Any]] = [
    {"type": "tool.pending", "run": "r-1", "attempt": 1, "id": "c", "dueAt": 1},
    {"type": "tool.returned", "run": "r-1", "attempt": 1, "id": "c", "result": [1]},
    {"type": "tool.returned", "run": "r-1", "attempt": 1, "id": "c", "error": {"code": "TOOL_RAISED", "message": "m"}},
    {"type": "tool.approved", "run": "r-1", "attempt": 1, "id": "c", "approved": True, "message": ""},
]
SPAWN: dict[str, Any] = {
    "type": "spawn",
    "generation": "a/0#1",
    "nonce": "ab",
    "start": "warm",
    "sandboxed": False,
    "limits": {},
}
TO_HOST: list[dict[str, Any]] = [SPAWN, {"type": "signal", "generation": "a/0#1", "signal": "SIGKILL"}]


@thorough
@given(st.lists(lines(TOLD, *RUNS, *ANSWERS, *TO_HOST), max_size=3), st.lists(st.integers(0, 400), max_size=4))
def test_bytes_are_frames_or_refused_in_whatever_pieces(sent: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(line + b"\n" for line in sent)
    splitter = FrameSplitter()
    read: list[bytes] = []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(whole)], strict=True):
        read += splitter.feed(whole[start : max(start, end)])
    assert read == sent
    for line in read:
        with contextlib.suppress(FrameError):
            assert isinstance(decode_frame(line)["type"], str)


@thorough
@given(spoiled(TOLD))
def test_a_launch_is_one_that_can_be_done_or_refused(frame: dict[str, Any]) -> None:
    with contextlib.suppress(FrameError):
        read = read_launch(decode_frame(wire(frame)))
        assert all((read.token, read.agent, read.module, read.cwd))
        assert 0 <= read.shutdown_ms <= LONGEST_MS
        assert 10 <= read.heartbeat_ms <= LONGEST_MS
        assert [tools.RemoteTool(**tool).name for tool in read.tools] == [tool["name"] for tool in read.tools]
        with contextlib.suppress(ValueError):
            sandbox.read_order(read.sandbox)


@thorough
@given(lines(BOOTSTRAP))
def test_a_bootstrap_line_is_one_or_refused(line: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert isinstance(read_bootstrap(line).generation, str)


@thorough
@given(lines(*TO_HOST))
def test_a_spawn_is_one_or_refused(line: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert GENERATION.fullmatch(launch.read_spawn(decode_frame(line)).generation)


def serving(ends: Ends) -> Service:
    """What takes Node's frames in a process, without one."""
    service = Service.__new__(Service)
    service._runs = Runs("writer", None, ends.control)  # type: ignore[arg-type]
    return service


async def hear(service: Service, line: bytes) -> None:
    with contextlib.suppress(FrameError):
        frame = decode_frame(line)
        if frame["type"] != "drain" and not tools.hear(frame):
            service.on_frame(frame)


@thorough
@given(st.lists(lines(*RUNS), min_size=1, max_size=3))
def test_what_is_said_of_runs_is_answered_by_frames_or_not_at_all(sent: list[bytes]) -> None:
    async def heard() -> None:
        for line in sent:
            await hear(serving(ends), line)

    with Ends() as ends:
        asyncio.run(heard())
        ends.near.close()
        for line in ends.lines:
            frame = json.loads(line)
            assert frame["type"] in ("settled", "revoked")
            assert RUN_ID.fullmatch(frame["run"])
            assert 0 < frame["attempt"] < 2**53


class Attempt:
    """The attempt that asks."""

    id = "r-1"
    attempt = 1
    task: asyncio.Task[None] | None = None

    async def tell_approval(self, data: dict[str, Any]) -> None: ...


@thorough
@given(spoiled(*ANSWERS), st.sampled_from(["tool.invoke", "tool.approval"]))
def test_the_answer_to_a_question_is_one_or_a_tool_error(frame: dict[str, Any], kind: str) -> None:
    tools.open_desk([], lambda frame: None)
    token = tools.current_attempt.set(Attempt())
    try:
        key, future = tools._desk.ask(kind, "t", {}, "c")
        with contextlib.suppress(FrameError):
            tools.hear(decode_frame(wire(frame)))
        if future.done() and future.exception() is not None:
            assert isinstance(future.exception(), tools.ToolError)
        elif future.done() and frame["type"] == "tool.approved":
            assert isinstance(future.result(), tools.Approval)
        tools._desk.withdraw(key)
        assert tools._desk._questions == {}
    finally:
        tools.current_attempt.reset(token)


@pytest.mark.parametrize("line", [wire(RUNS[0])[:-1], b"\xff\xfe{\x00}\x00", '{"type":"drain"}'.encode("utf-16")])
def test_only_json_in_utf_8_is_a_frame(line: bytes) -> None:
    with pytest.raises(FrameError):
        decode_frame(line)


async def test_frames_cost_nothing_that_stays() -> None:
    made = random.Random(7)

    def line() -> bytes:
        # Not `revoke`: a process remembers what it has promised to refuse, for ten minutes.
        whole = bytearray(wire(made.choice([RUNS[0], *ANSWERS])))
        if made.random() < 0.8:
            whole[made.randrange(len(whole))] = made.randrange(256)
        return bytes(whole)

    with Ends() as ends:
        ends.far.setblocking(False)
        service, splitter = serving(ends), FrameSplitter()

        async def take(count: int) -> int:
            for number in range(count):
                for read in splitter.feed(line() + b"\n"):
                    await hear(service, read)
                if number % 20 == 0:
                    with contextlib.suppress(BlockingIOError):
                        while ends.far.recv(65536):
                            pass
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = await take(5_000)
            assert await take(10_000) - before < 64 * 1024
        finally:
            tracemalloc.stop()


SERVED = "async def agent(prompt):\n    return prompt\n"


async def test_a_process_that_hears_frames_that_mean_nothing_goes_on(node: FakeNode) -> None:
    made = random.Random(7)
    agent = await node.start(node.module(SERVED), tools=[TOOL], heartbeatMs=20)
    before = (await agent.frame("heartbeat"))["rss"]
    assert agent.control is not None
    for number in range(EXAMPLES):
        frame = {**made.choice([*RUNS, *ANSWERS])}
        frame[made.choice(sorted(frame.keys() - {"type"}))] = made.choice(STRANGE)
        agent.control.write(wire(frame) + b"\n")
        if number % 100 == 0:
            await agent.control.drain()
    agent.send({"type": "cancel", "run": "marked", "attempt": 3})
    await agent.frame("settled", run="marked", attempt=3)
    assert (await agent.run({"prompt": "hello"}, "after")).json()["result"] == "hello"
    seen = len(agent.frames)
    await agent.until(lambda: [frame for frame in agent.frames[seen:] if frame["type"] == "heartbeat"])
    after = [frame["rss"] for frame in agent.frames[seen:] if frame["type"] == "heartbeat"][-1]
    assert after - before < 16 * 1024 * 1024
    assert not [line for line in agent.lines["stderr"] if "Error" in line or "Exception" in line]


STRANGE: list[Any] = [None, True, -1, 10**400, 1e999, 2**64, "", "\ud800", '"}', "x" * 300, [], {}, [[1]], {"code": 1}]


async def test_a_host_that_reads_what_is_no_request_goes_on(host: HostNode) -> None:
    await host.open()
    await host.ready()
    made = random.Random(7)
    asked = 0
    for _ in range(EXAMPLES):
        frame = {**made.choice(TO_HOST)}
        key = made.choice(sorted(frame.keys() - {"type"}))
        frame[key] = made.choice(STRANGE)
        line = bytearray(wire(frame))
        if made.random() < 0.5:
            line[made.randrange(len(line))] = made.choice(b'\xff\0{"[0')
        if is_spawn(bytes(line)):
            continue
        host.write(bytes(line) + b"\n")
        asked += 1
        if asked % 100 == 0:
            assert host.process is not None
            assert host.process.stdin is not None
            await host.process.stdin.drain()
    assert asked > EXAMPLES / 2
    agent = host.spawn(host.module(SERVED))
    await agent.wait("ready")
    assert await agent.run("hello") == "hello"


def is_spawn(line: bytes) -> bool:
    try:
        launch.read_spawn(decode_frame(line))
    except FrameError:
        return False
    return True


async def test_a_limit_that_no_machine_has_is_none(host: HostNode) -> None:
    await host.open()
    await host.ready()
    numbers: list[Any] = [10**4_000, -(10**400), 2**53, True, "1"]
    for number in numbers:
        agent = host.spawn(host.module(SERVED), limits={"memoryMb": number, "nice": number, "cpuSeconds": number})
        await agent.wait("ready")
        assert (await agent.wait("spawned"))["achieved"] == {}
