"""The process that a host keeps ahead: forked and rehearsed while nothing starts, it becomes the next agent."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from host_kit import HostNode
from processes import SECONDS, is_alive, process_is

from axon_agent import guard
from axon_agent.launch import SPARE

ECHO = "def agent(prompt): return prompt\n"
PID = "import os\ndef agent(prompt): return os.getpid()\n"


async def spare_of(host: HostNode) -> int:
    """The process that waits for its agent, once there is one. Nobody is told of it, so it is looked for."""
    ready = await host.ready()

    def look() -> int | None:
        for pid in guard.children(ready["pid"]):
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
            except OSError:
                continue
            if name == SPARE:
                return pid
        return None

    async def watch() -> int:
        while (found := look()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        return found

    return await asyncio.wait_for(watch(), SECONDS)


async def test_a_warm_start_takes_it_and_another_is_made(host: HostNode) -> None:
    await host.open()
    spare = await spare_of(host)
    # Written after it was forked.
    first = host.spawn(host.module(PID, "late"), env={"OF_FIRST": "1"})
    assert await first.run("x") == spare
    second = await spare_of(host)
    assert second != spare
    source = "import os\ndef agent(prompt): return [os.getpid(), 'OF_FIRST' in os.environ, os.getsid(0)]\n"
    agent = host.spawn(host.module(source, "other"))
    assert await agent.run("x") == [second, False, second]
    host.send({"type": "signal", "generation": agent.generation, "signal": "SIGTERM"})
    assert (await agent.wait("exited"))["pid"] == second


async def test_a_cold_start_leaves_it(host: HostNode) -> None:
    await host.open()
    spare = await spare_of(host)
    agent = host.spawn(host.module(PID), start="cold")
    assert await agent.run("x") != spare
    assert await spare_of(host) == spare


async def test_one_that_is_killed_is_missed_by_nobody(host: HostNode) -> None:
    await host.open()
    killed = await spare_of(host)
    os.kill(killed, signal.SIGKILL)
    await process_is(killed, "")
    agent = host.spawn(host.module(ECHO))
    assert await agent.run("x") == "x"
    assert await spare_of(host) != killed


@pytest.mark.parametrize("how", ["close", "hang up", "kill the host"])
async def test_it_ends_with_the_host(host: HostNode, how: str) -> None:
    await host.open()
    spare = await spare_of(host)
    if how == "close":
        host.send({"type": "close"})
    elif how == "hang up":
        host.hang_up()
    else:
        os.kill((await host.ready())["pid"], signal.SIGKILL)
    await host.ended()
    assert not is_alive(spare)


async def test_a_host_that_is_not_warmed_or_may_not_fork_makes_none(host: HostNode) -> None:
    thread = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    (host.folder / "my_preload.py").write_text(thread)
    await host.open(preload=["my_preload"], env={"PYTHONPATH": host.source_and_folder})
    ready = await host.ready()
    agent = host.spawn(host.module(ECHO))
    assert await agent.run("x") == "x"
    assert guard.children(ready["pid"]) == [agent.told[0]["pid"]]


async def test_it_puts_itself_under_limits_when_its_agent_has_any(host: HostNode) -> None:
    await host.open()
    spare = await spare_of(host)
    source = "import resource\ndef agent(prompt): return resource.getrlimit(resource.RLIMIT_NOFILE)\n"
    agent = host.spawn(host.module(source), limits={"openFiles": 64, "enforcement": "required"})
    spawned = await agent.wait("spawned")
    assert (spawned["pid"], spawned["achieved"]) == (spare, {"openFiles": "rlimit"})
    assert await agent.run("x") == [64, 64]
