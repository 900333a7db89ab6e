"""The life of agents under a host: started by fork or by exec, run, signalled, reported."""

from __future__ import annotations

import asyncio
import os

import pytest
from host_kit import HostNode
from processes import is_alive, process_is

ECHO = "def agent(prompt): return prompt\n"
WHO = "import os\ndef agent(prompt): return [os.getpid(), os.getppid(), os.getsid(0), os.getpgrp()]\n"


async def test_the_host_tells_what_it_is(full_host: HostNode) -> None:
    await full_host.open()
    ready = await full_host.ready()
    assert full_host.process is not None
    assert ready["guard"] == full_host.process.pid
    assert is_alive(ready["pid"])
    assert ready["canFork"] is True
    assert ready["why"] is None
    assert {"fastapi", "uvicorn", "pydantic_ai", "langgraph.graph", "agents"} <= set(ready["preloaded"])
    assert ready["readyMs"] > 0
    assert full_host.errors == []


@pytest.mark.parametrize("start", ["warm", "cold"])
async def test_an_agent_is_started_runs_and_is_reported(host: HostNode, start: str) -> None:
    await host.open()
    ready = await host.ready()
    agent = host.spawn(host.module(WHO), start=start)
    spawned = await agent.wait("spawned")
    pid = spawned["pid"]
    assert spawned["startTime"].isdigit()
    assert await agent.run("x") == [pid, ready["pid"], pid, pid]
    assert [hello["stream"] for hello in agent.hellos] == ["stdout", "stderr", "control"]
    assert {hello["pid"] for hello in agent.hellos} == {pid}
    assert agent.control is not None
    agent.control.write(b'{"type":"drain"}\n')
    exited = await agent.wait("exited")
    assert (exited["pid"], exited["code"], exited["signal"]) == (pid, 0, None)
    assert exited["maxRssBytes"] > 10_000_000
    assert 1 < exited["cpuMs"] < 60_000


@pytest.mark.parametrize("start", ["warm", "cold"])
async def test_what_an_agent_prints_arrives_and_what_it_raises_at_import_too(host: HostNode, start: str) -> None:
    await host.open()
    agent = host.spawn(host.module("print('out')\nraise RuntimeError('no')\n"), start=start)
    await agent.line("stdout", "out")
    failed = await agent.wait("failed")
    assert failed["code"] == "AGENT_IMPORT_FAILED"
    assert (await agent.wait("exited"))["code"] == 1


async def test_a_signal_reaches_the_group_and_sigabrt_the_process_alone(host: HostNode) -> None:
    source = "import subprocess\nhelper = subprocess.Popen(['sleep', '600'])\ndef agent(prompt): return helper.pid\n"
    await host.open()
    agent = host.spawn(host.module(source))
    helper = await agent.run("x")
    host.send({"type": "signal", "generation": agent.generation, "signal": "SIGSTOP"})
    pid = agent.told[0]["pid"]
    await process_is(pid, "T")
    await process_is(helper, "T")
    host.send({"type": "signal", "generation": agent.generation, "signal": "SIGCONT"})
    host.send({"type": "signal", "generation": agent.generation, "signal": "SIGABRT"})
    exited = await agent.wait("exited")
    assert (exited["code"], exited["signal"]) == (None, "SIGABRT")
    await agent.line("stderr", "Fatal Python error: Aborted")
    await process_is(helper, "")


async def test_an_agent_that_does_not_stop_at_sigterm_is_killed_by_sigkill(host: HostNode) -> None:
    source = "import time\ndef agent(prompt):\n  print('in a run')\n  time.sleep(600)\n"
    await host.open()
    agent = host.spawn(host.module(source))
    running = asyncio.ensure_future(agent.run("x"))
    await agent.line("stdout", "in a run")
    for name in ("SIGTERM", "SIGTERM", "SIGKILL"):
        host.send({"type": "signal", "generation": agent.generation, "signal": name})
    assert (await agent.wait("exited"))["signal"] == "SIGKILL"
    await asyncio.gather(running, return_exceptions=True)


async def test_signals_to_nobody_and_of_no_name_are_ignored(host: HostNode) -> None:
    await host.open()
    agent = host.spawn(host.module(ECHO))
    for frame in (
        {"generation": "nobody/0#1", "signal": "SIGKILL"},
        {"generation": agent.generation, "signal": "SIGNOTHING"},
        {"generation": agent.generation, "signal": "SIG_DFL"},
        {"generation": agent.generation, "signal": 9},
        {"generation": None},
    ):
        host.send({"type": "signal", **frame})
    assert await agent.run("x") == "x"


async def test_a_daemon_is_killed_when_the_agent_that_made_it_ends(host: HostNode) -> None:
    source = (
        "import os, time\n"
        "def agent(prompt):\n"
        "  read, write = os.pipe()\n"
        "  if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "      os.write(write, b'%d' % os.getpid())\n"
        "      time.sleep(600)\n"
        "    os._exit(0)\n"
        "  os.wait()\n"
        "  return int(os.read(read, 20))\n"
    )
    await host.open()
    first, second = host.spawn(host.module(source)), host.spawn("mod")
    daemons = [await first.run("x"), await second.run("x")]
    assert all(is_alive(daemon) for daemon in daemons)
    host.send({"type": "signal", "generation": first.generation, "signal": "SIGKILL"})
    await first.wait("exited")
    await process_is(daemons[0], "")
    assert is_alive(daemons[1])


async def test_fifty_agents_at_once(host: HostNode) -> None:
    await host.open()
    host.module(ECHO)
    agents = [host.spawn("mod") for _ in range(50)]
    assert await asyncio.gather(*(agent.run(agent.generation) for agent in agents)) == list(host.spawned)


async def test_requests_that_cannot_be_read_are_ignored_or_answered(host: HostNode) -> None:
    await host.open()
    host.module(ECHO)
    host.write(b'}{\n\n[]\n{"type":1}\n{"type":"unknown"}\n\xff\xfe\n')
    host.send({"type": "spawn", "generation": "x/0#1"})
    assert (await host.until(lambda: host.told("spawn.failed")))["generation"] == "x/0#1"
    agent = host.spawn("mod")
    assert await agent.run("x") == "x"
    repeated = {"generation": agent.generation, "nonce": agent.nonce, "start": "warm"}
    host.send({"type": "spawn", **repeated})
    assert "is running" in (await agent.wait("spawn.failed"))["message"]
    assert "a request was ignored" in host.told("host.warned")["message"]


async def test_a_line_without_an_end_closes_the_host(host: HostNode) -> None:
    await host.open()
    await host.ready()
    host.write(b"x" * (2 * 1024 * 1024))
    assert await host.ended() == 0


@pytest.mark.parametrize(
    "first", [b"hello\n", b'{"type":"spawn"}\n', b'{"type":"open","protocol":9,"socket":"/x","preload":[]}\n']
)
async def test_a_first_line_that_is_no_open_is_refused(host: HostNode, first: bytes) -> None:
    await host.open(first=first)
    assert await host.ended() == 2
    await host.until(lambda: host.errors)


async def test_close_reports_the_ends_and_leaves_nothing(host: HostNode) -> None:
    await host.open()
    agents = [host.spawn(host.module(ECHO)) for _ in range(3)]
    await asyncio.gather(*(agent.wait("ready") for agent in agents))
    host.send({"type": "close"})
    host.send({"type": "spawn", "generation": "late/0#1", "nonce": "", "start": "warm"})
    assert {(await agent.wait("exited"))["signal"] for agent in agents} == {"SIGKILL"}
    assert await host.ended() == 0
    assert not [frame for frame in host.frames if frame.get("generation") == "late/0#1"]
    assert os.path.isdir(host.runtime)


async def test_a_host_whose_frames_nobody_reads_goes_on(host: HostNode) -> None:
    await host.open()
    await host.ready()
    host.pause()
    garbage = b"x" * 200 + b"\n"
    host.write(garbage * 20_000)  # each is answered by a frame: far more than the pipe holds
    agent = host.spawn(host.module(ECHO))
    host.resume()
    assert await agent.run("x") == "x"
