"""Attempts that Node takes back because their connection broke: what was not known never begins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from fake_node import FakeNode
from test_app import Kernel, client, echo

from axon_agent import runs as module

CALLS = """
import asyncio
from pathlib import Path

async def agent(prompt):
    with open('notes', 'a') as notes:
        notes.write(prompt + '\\n')
    while prompt == 'wait' and not Path('release').exists():
        await asyncio.sleep(0.01)
    return prompt
"""


def head(run: str, attempt: int) -> dict[str, str]:
    return {"x-axon-run": run, "x-axon-attempt": str(attempt)}


async def test_an_attempt_that_is_not_known_is_refused_when_it_comes_and_the_next_one_is_taken(node: FakeNode) -> None:
    agent = await node.start(node.module(CALLS))
    await agent.ready()
    agent.send({"type": "revoke", "run": "r1", "attempt": 1})
    assert (await agent.frame("revoked", run="r1")) == {
        "type": "revoked",
        "run": "r1",
        "attempt": 1,
        "isKnown": False,
    }
    late = await agent.run({"prompt": "late"})
    assert (late.status_code, late.json()["error"]["started"]) == (499, False)
    async with agent.http() as http:
        again = await http.post("/agents/writer/run_sync", json={"prompt": "again"}, headers=head("r1", 2))
    assert again.json()["result"] == "again"
    assert (node.folder / "notes").read_text() == "again\n"


async def test_a_run_whose_code_runs_is_known_and_cancelled_and_its_receipt_goes_before(node: FakeNode) -> None:
    agent = await node.start(node.module(CALLS))
    task = asyncio.ensure_future(agent.run({"prompt": "wait"}))
    await agent.frame("started", run="r1")
    agent.send({"type": "revoke", "run": "r1", "attempt": 1})
    assert (await agent.frame("revoked", run="r1"))["isKnown"] is True
    assert (await task).status_code == 499
    await agent.frame("settled", run="r1")


async def test_of_a_run_that_has_ended_the_receipt_goes_before_the_answer(node: FakeNode) -> None:
    agent = await node.start(node.module(CALLS))
    await agent.run({"prompt": "short"})
    agent.send({"type": "revoke", "run": "r1", "attempt": 1})
    await agent.frame("revoked", run="r1")
    told = [frame["type"] for frame in agent.frames if frame.get("run") == "r1"]
    assert told.index("started") < told.index("revoked")


async def test_an_admitted_run_whose_task_has_not_begun_is_taken_back_unstarted() -> None:
    calls: list[str] = []

    async def called(prompt: str) -> str:
        calls.append(prompt)
        return prompt

    async with client(called) as (http, runs, kernel):
        admitted = asyncio.ensure_future(
            http.post("/agents/writer/run_sync", json={"prompt": "x"}, headers=head("r1", 1))
        )
        while "r1" not in runs._in_flight:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        assert not runs._in_flight["r1"].is_running
        runs.revoke("r1", 1)
        assert (await admitted).status_code == 499
    assert kernel.told == ["revoked r1 1 unknown", "settled r1 1"]
    assert calls == []


async def test_a_run_that_waits_for_its_receipt_is_known() -> None:
    class Full(Kernel):
        async def receipt(self, run: str) -> None:
            self.told.append(f"waiting {run}")
            await asyncio.Event().wait()

    full = Full()
    async with client(echo, receipts=full) as (http, runs, _):
        waiting = asyncio.ensure_future(
            http.post("/agents/writer/run_sync", json={"prompt": "x"}, headers=head("r1", 1))
        )
        while not full.told:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        runs.revoke("r1", 1)
        assert (await waiting).status_code == 499
    assert full.told == ["waiting r1", "revoked r1 1 known", "settled r1 1"]


async def test_the_next_attempt_begins_although_the_code_of_the_last_holds_on() -> None:
    release = asyncio.Event()

    async def stubborn(prompt: str) -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return prompt

    async with client(stubborn) as (http, runs, kernel):

        def ask(attempt: int) -> Awaitable[Any]:
            body = {"prompt": f"attempt {attempt}"}
            return asyncio.ensure_future(http.post("/agents/writer/run_sync", json=body, headers=head("r1", attempt)))

        first = ask(1)
        while "started r1" not in kernel.told:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        runs.cancel("r1", 1)
        assert (await first).status_code == 499
        second = ask(2)
        while kernel.told.count("started r1") < 2:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        assert runs.in_flight == 2
        # What is said of the first attempt does not touch the second, and its end is told when it comes.
        runs.cancel("r1", 1)
        runs.revoke("r1", 1)
        assert kernel.told[-1] == "revoked r1 1 known"
        release.set()
        assert (await second).json()["result"] == "attempt 2"
        while runs.in_flight:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        assert sorted(kernel.told)[-4:-2] == ["settled r1 1", "settled r1 2"]


async def test_an_attempt_that_overtakes_the_cancel_of_the_last_ends_it_and_begins() -> None:
    ended: list[str] = []

    async def slow(prompt: str) -> str:
        if prompt == "b":
            return prompt
        try:
            await asyncio.sleep(600)
        finally:
            ended.append(prompt)
        return prompt

    async with client(slow) as (http, runs, kernel):
        first = asyncio.ensure_future(http.post("/agents/writer/run_sync", json={"prompt": "a"}, headers=head("r1", 1)))
        while "started r1" not in kernel.told:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        second = await http.post("/agents/writer/run_sync", json={"prompt": "b"}, headers=head("r1", 2))
        assert second.json()["result"] == "b"
        assert ((await first).status_code, ended) == (499, ["a"])
        runs.cancel("r1", 1)
        assert runs.in_flight == 0
        # An attempt that was sent before this one is late.
        late = await http.post("/agents/writer/run_sync", json={"prompt": "c"}, headers=head("r1", 1))
        assert (late.status_code, ended) == (499, ["a"])


async def test_a_cancel_of_an_attempt_that_has_not_come_ends_the_one_before_it_and_is_kept() -> None:
    release = asyncio.Event()

    async def slow(prompt: str) -> str:
        try:
            await release.wait()
        finally:
            await release.wait()
        return prompt

    async with client(slow) as (http, runs, kernel):
        first = asyncio.ensure_future(http.post("/agents/writer/run_sync", json={"prompt": "a"}, headers=head("r1", 1)))
        while "started r1" not in kernel.told:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        runs.cancel("r1", 2)
        assert (await first).status_code == 499
        # Node does not wait for the attempt that is not here; the other goes on, and has its own end.
        assert kernel.told == ["started r1", "settled r1 2"]
        second = await http.post("/agents/writer/run_sync", json={"prompt": "b"}, headers=head("r1", 2))
        assert (second.status_code, second.json()["error"]["started"]) == (499, False)
        release.set()
        while runs.in_flight:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        assert kernel.told == ["started r1", "settled r1 2", "settled r1 1"]


async def test_what_can_no_longer_be_promised_is_not_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROMISED", 2)
    async with client(echo) as (_, runs, kernel):
        for run in ("r1", "r2", "r3"):
            runs.revoke(run, 1)
        monkeypatch.setattr(module, "_PROMISE_SECONDS", 0.0)
        runs.revoke("r4", 1)
    assert kernel.told == [
        "revoked r1 1 unknown",
        "settled r1 1",
        "revoked r2 1 unknown",
        "settled r2 1",
        "revoked r3 1 known",
        "settled r3 1",
        "revoked r4 1 unknown",
        "settled r4 1",
    ]


async def test_the_frames_of_both_sides_have_one_shape(node: FakeNode) -> None:
    agent = await node.start(node.module(CALLS))
    await agent.ready()
    # An attempt that is no number is no frame of this protocol, and is ignored as any unknown one.
    agent.send({"type": "revoke", "run": "r0", "attempt": "1"})
    agent.send({"type": "cancel", "run": "r2", "attempt": 1})
    agent.send({"type": "revoke", "run": "r1", "attempt": 1})
    await agent.frame("revoked", run="r1")
    assert [frame["run"] for frame in agent.frames if frame["type"] == "revoked"] == ["r1"]
    async with agent.http() as http:
        first = await http.post("/agents/writer/run_sync", json={"prompt": "a"}, headers=head("r2", 1))
        second = await http.post("/agents/writer/run_sync", json={"prompt": "b"}, headers=head("r2", 2))
    assert (first.status_code, second.status_code) == (499, 200)
