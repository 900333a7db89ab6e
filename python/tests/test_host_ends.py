"""Whoever is killed, nothing is left: Node, the host, the guard, at any moment."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest
from host_kit import HostNode
from processes import is_alive, process_is
from spawned import Spawned

ECHO = "def agent(prompt): return prompt\n"
DAEMON = """
import os, subprocess, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(write, b'%d' % os.getpid())
        time.sleep(600)
    os._exit(0)
os.wait()
daemon = int(os.read(read, 20))
helper = subprocess.Popen(['sleep', '600'], start_new_session=True)
def agent(prompt): return [os.getpid(), daemon, helper.pid]
"""

# Its control connection holds a few frames only, and what has begun never ends.
NOTES = """
import asyncio, os, socket
for name in os.listdir('/proc/self/fd'):
    try:
        found = socket.socket(fileno=os.dup(int(name)))
        if str(found.getpeername()).endswith('/axon.sock'):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    except OSError:
        pass
async def agent(prompt):
    with open('began', 'a') as notes:
        notes.write(prompt + '\\n')
    await asyncio.sleep(600)
"""


async def family(host: HostNode, start: str = "warm") -> tuple[Spawned, list[int]]:
    """An agent with a daemon and a helper in a session of its own, and all three process ids."""
    agent = host.spawn(host.module(DAEMON), start=start)
    return agent, await agent.run("x")


@pytest.mark.parametrize("start", ["warm", "cold"])
async def test_when_node_is_killed_all_die_and_the_runtime_directory_goes(host: HostNode, start: str) -> None:
    await host.open()
    _, pids = await family(host, start)
    host.hang_up()
    assert await host.ended() == 0
    assert [pid for pid in pids if is_alive(pid)] == []
    assert not os.path.exists(host.runtime)


async def test_when_the_host_is_killed_the_guard_sweeps_and_says_so(host: HostNode) -> None:
    await host.open()
    ready = await host.ready()
    _, pids = await family(host)
    os.kill(ready["pid"], signal.SIGKILL)
    assert await host.ended() == 128 + signal.SIGKILL
    assert [pid for pid in pids if is_alive(pid)] == []
    assert os.path.exists(host.runtime)  # Node lives and may start another host in it


async def test_when_the_guard_is_killed_the_host_and_all_below_it_die(host: HostNode) -> None:
    await host.open()
    ready = await host.ready()
    _, pids = await family(host)
    os.kill(ready["guard"], signal.SIGKILL)
    assert await host.ended() == -signal.SIGKILL
    for pid in (ready["pid"], *pids):
        await process_is(pid, "")


async def test_when_node_is_killed_while_the_host_preloads(host: HostNode) -> None:
    (host.folder / "slow_preload.py").write_text("import sys, time\nprint('in preload', flush=True)\ntime.sleep(600)\n")
    await host.open(preload=["slow_preload"], env={"PYTHONPATH": host.source_and_folder})
    await host.until(lambda: "in preload" in host.errors)
    host.hang_up()
    assert await host.ended() == 0
    assert not os.path.exists(host.runtime)


async def test_when_node_is_killed_before_its_first_line_is_read(host: HostNode) -> None:
    await host.open()
    host.hang_up()
    assert await host.ended() == 0
    assert not os.path.exists(host.runtime)


async def test_requests_that_were_queued_when_node_was_killed_start_nothing(host: HostNode) -> None:
    host.module("import os\nos.close(os.open(f'started-{os.getpid()}', os.O_CREAT))\ndef agent(prompt): ...\n")
    await host.open()
    ready = await host.ready()
    # The guard, too: it would end the host before that reads them.
    for pid in (ready["guard"], ready["pid"]):
        os.kill(pid, signal.SIGSTOP)
        await process_is(pid, "T")
    for _ in range(20):
        host.spawn("mod")
    host.hang_up()
    os.kill(ready["pid"], signal.SIGCONT)
    await process_is(ready["pid"], "")
    os.kill(ready["guard"], signal.SIGCONT)
    assert await host.ended() == 0
    assert list(host.folder.glob("started-*")) == []
    assert host.told("spawned") is None


async def test_agents_that_start_while_node_is_killed(host: HostNode) -> None:
    host.module(ECHO)
    await host.open()
    agents = [host.spawn("mod", start="cold" if number % 4 == 0 else "warm") for number in range(20)]
    await agents[3].wait("spawned")
    host.hang_up()
    assert await host.ended() == 0
    assert [agent for agent in agents if agent.told and is_alive(agent.told[0]["pid"])] == []


async def test_a_stopped_host_and_stopped_agents_are_swept(host: HostNode) -> None:
    await host.open()
    ready = await host.ready()
    _, pids = await family(host)
    for pid in (*pids, ready["pid"]):
        os.kill(pid, signal.SIGSTOP)
    host.hang_up()
    assert await host.ended() == 0
    assert [pid for pid in pids if is_alive(pid)] == []


async def test_each_process_killed_right_after_its_receipt_has_left_it(host: HostNode) -> None:
    # The handler kills its own process as the very first thing: the receipt must have been handed over before.
    rounds = int(os.environ.get("AXON_TEST_RECEIPTS", "60"))
    host.module("import os, signal\nasync def agent(prompt): os.kill(os.getpid(), signal.SIGKILL)\n")
    await host.open()
    waves = [10] * (rounds // 10)
    for wave in waves:
        agents = [host.spawn("mod") for _ in range(wave)]
        asked = [asyncio.ensure_future(agent.run("x", f"run-{agent.generation}")) for agent in agents]
        await asyncio.gather(*asked, return_exceptions=True)
        for agent in agents:
            assert (await agent.wait("exited"))["signal"] == "SIGKILL"
            await agent.control_ended()
            assert [f["run"] for f in agent.frames if f["type"] == "started"] == [f"run-{agent.generation}"]
    assert len(host.spawned) == rounds


async def test_a_process_killed_while_its_channel_was_full_has_run_nothing_unreceipted(host: HostNode) -> None:
    await host.open()
    agent = host.spawn(host.module(NOTES))
    await agent.wait("ready")
    assert agent.control is not None
    agent.control.transport.pause_reading()  # type: ignore[attr-defined]
    runs = [f"run-{number}" for number in range(40)]
    asked = [asyncio.ensure_future(agent.run(run, run)) for run in runs]
    # Every run has come, and none of those that began has ended: what has not begun waits for the channel.
    while await agent.health("in_flight") < len(runs):  # noqa: ASYNC110
        await asyncio.sleep(0)
    os.kill(agent.told[0]["pid"], signal.SIGKILL)
    await agent.wait("exited")
    agent.control.transport.resume_reading()  # type: ignore[attr-defined]
    await agent.control_ended()
    await asyncio.gather(*asked, return_exceptions=True)
    began = (host.folder / "began").read_text().split()
    receipted = [frame["run"] for frame in agent.frames if frame["type"] == "started"]
    assert 0 < len(began) < len(runs)
    assert sorted(set(began) - set(receipted)) == []
    assert len(began) == len(set(began))


async def test_a_wrong_nonce_gets_nothing(host: HostNode) -> None:
    await host.open()
    agent = host.spawn(host.module(ECHO), nonce="0" * 64)
    assert (await agent.wait("exited"))["code"] == 1
    assert agent.hellos == []
    assert json.dumps(host.refused).count("0" * 64) > 0


async def test_an_agent_that_cannot_connect_leaves_quietly(host: HostNode) -> None:
    await host.open()
    await host.ready()
    os.unlink(host.path)
    for start in ("warm", "cold"):
        agent = host.spawn(host.module(ECHO), start=start)
        assert (await agent.wait("exited"))["code"] == 1
    assert host.errors == []
