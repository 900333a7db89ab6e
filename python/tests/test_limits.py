"""Limits on real processes, held by cgroups and watched: what is achieved, what ends an agent, what is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal

import pytest
from host_kit import HostNode
from processes import is_alive, until

from axon_agent import cgroup_places as places
from axon_agent import cgroups
from axon_agent.limits import LOOK_MS, Limits

ECHO = "def agent(prompt): return prompt\n"
HOLD = "held = bytearray()\ndef agent(prompt):\n    held.extend(b'x' * (int(prompt) * 2**20))\n    return len(held)\n"
HELPER = """
import subprocess, sys
def agent(prompt):
    code = "held = b'x' * (%d * 2**20)\\nimport time; time.sleep(600)" % int(prompt)
    subprocess.Popen([sys.executable, '-c', code], start_new_session=True)
    return 'started'
"""
THREADS = """
import os, threading, time
def agent(prompt):
    made = 0
    for _ in range(int(prompt)):
        try:
            pid = os.fork()
        except OSError:
            break
        if pid == 0:
            time.sleep(600)
            os._exit(0)
        made += 1
    return made
"""
PRELOADS = {
    "watch": "from axon_agent import cgroup_places\ncgroup_places.hierarchies = lambda proc='/proc/self': {}\n",
    "refused": "import os\nnice = os.nice\ndef refuse(value): raise PermissionError(1, 'no')\n"
    "os.nice = lambda value: refuse(value) if value else nice(0)\n",
}
"""What is preloaded into the host: on any machine no cgroup is found, or no niceness can be set."""


def has(controller: str) -> bool:
    with contextlib.suppress(places.CgroupError):
        return bool(places.find(controller))
    return False


HOLDERS = {limit: "cgroup" if has(controller) else "watch" for limit, controller in cgroups.CONTROLLERS.items()}
"""Who holds memory and processes on this machine."""


def left(host: HostNode) -> list[str]:
    """The cgroups of agents of this host, and its own."""
    found = []
    for own, _ in places.hierarchies().values():
        for parent in (own, os.path.dirname(own)):
            for folder, below, _ in os.walk(parent) if parent.startswith("/sys/fs/cgroup/") else []:
                found += [f"{folder}/{name}" for name in below if host.system in folder + name]
    return sorted(set(found))


async def open_host(host: HostNode, way: str) -> dict[str, str]:
    """Opens it and returns who holds memory and processes."""
    if way in PRELOADS:
        (host.folder / "before.py").write_text(PRELOADS[way])
        await host.open(preload=["before"], env={"PYTHONPATH": host.source_and_folder})
        return dict.fromkeys(HOLDERS, "watch")
    await host.open()
    return HOLDERS


WAYS = pytest.mark.parametrize("way", ["cgroup", "watch"])


@WAYS
@pytest.mark.parametrize("start", ["warm", "cold"])
async def test_what_holds_each_limit_is_told(host: HostNode, way: str, start: str) -> None:
    holders = await open_host(host, way)
    limits = {"memoryMb": 512, "openFiles": 64, "processes": 64, "cpuSeconds": 600, "nice": 5}
    agent = host.spawn(host.module(ECHO), start=start, limits=limits)
    spawned = await agent.wait("spawned")
    assert spawned["achieved"] == {**holders, "openFiles": "rlimit", "cpuSeconds": "rlimit", "nice": "nice"}
    assert await agent.run("x") == "x"
    plain = host.spawn("mod", start=start)
    assert (await plain.wait("spawned"))["achieved"] == {}


@WAYS
async def test_an_agent_beyond_its_memory_is_ended_and_its_neighbour_is_not(host: HostNode, way: str) -> None:
    await open_host(host, way)
    greedy = host.spawn(host.module(HOLD), limits={"memoryMb": 96})
    modest = host.spawn("mod")
    assert await greedy.run("8") == 8 * 2**20
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        await greedy.run("160")
    exited = await greedy.wait("exited")
    assert (exited["signal"], exited["oom"]) == ("SIGKILL", True)
    assert exited["exceeded"] == {"limit": "memoryMb", "value": 96}
    assert await modest.run("160") == 160 * 2**20


@WAYS
async def test_memory_of_helpers_counts_and_all_of_the_agent_ends(host: HostNode, way: str) -> None:
    await open_host(host, way)
    agent = host.spawn(host.module(HELPER), limits={"memoryMb": 96})
    pid = (await agent.wait("spawned"))["pid"]
    assert await agent.run("160") == "started"
    exited = await agent.wait("exited")
    assert (exited["pid"], exited["signal"], exited["oom"]) == (pid, "SIGKILL", True)


async def test_under_a_cgroup_there_are_no_more_processes_than_asked(host: HostNode) -> None:
    await open_host(host, "cgroup")
    agent = host.spawn(host.module(THREADS), limits={"processes": 24})
    if HOLDERS["processes"] == "cgroup":
        made = await agent.run("200")
        assert 0 < made < 24
    else:
        assert (await agent.wait("exited"))["exceeded"] == {"limit": "processes", "value": 24}


async def test_under_the_watch_an_agent_with_more_processes_is_ended_with_all_of_them(host: HostNode) -> None:
    await open_host(host, "watch")
    agent = host.spawn(host.module(THREADS), limits={"processes": 24})
    other = host.spawn("mod")
    assert await other.run("30") == 30
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        await agent.run("60")
    exited = await agent.wait("exited")
    assert (exited["signal"], exited["oom"]) == ("SIGKILL", False)
    assert exited["exceeded"] == {"limit": "processes", "value": 24}
    assert is_alive((await other.wait("spawned"))["pid"])


@pytest.mark.parametrize(
    ("source", "ended_by"),
    [("", "SIGXCPU"), ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n", "SIGKILL")],
)
async def test_the_cpu_limit_ends_an_agent_also_one_that_ignores_the_signal(
    host: HostNode, source: str, ended_by: str
) -> None:
    await host.open()
    agent = host.spawn(host.module(f"{source}while True: pass\n"), limits={"cpuSeconds": 1})
    exited = await agent.wait("exited")
    assert exited["signal"] == ended_by
    assert exited["cpuMs"] >= 500
    assert exited["exceeded"] == {"limit": "cpuSeconds", "value": 1}
    assert exited["oom"] is False


async def test_a_killed_agent_exceeded_nothing(host: HostNode) -> None:
    await host.open()
    for limits in ({}, {"memoryMb": 512}):
        agent = host.spawn(host.module(ECHO), limits=limits)
        os.kill((await agent.wait("spawned"))["pid"], signal.SIGKILL)
        exited = await agent.wait("exited")
        assert (exited["signal"], exited["oom"], exited.get("exceeded")) == ("SIGKILL", False, None)


@pytest.mark.parametrize(
    ("risen", "killed_by", "oom"), [(1, "kernel", True), (0, "somebody", False), (1, "Node", False)]
)
async def test_a_sigkill_that_nobody_here_sent_is_oom_where_the_kernels_count_has_risen(
    host: HostNode, risen: int, killed_by: str, oom: bool
) -> None:
    count = host.folder / "count"
    count.write_text("7")
    (host.folder / "counted.py").write_text(
        f"from axon_agent import cgroups\ncgroups.Cgroups.oom_kills = lambda _: int(open({str(count)!r}).read())\n"
    )
    await host.open(preload=["counted"], env={"PYTHONPATH": host.source_and_folder})
    agent = host.spawn(host.module(ECHO))
    await agent.run("x")
    count.write_text(str(7 + risen))
    if killed_by == "Node":
        host.send({"type": "signal", "generation": agent.generation, "signal": "SIGKILL"})
    else:
        os.kill((await agent.wait("spawned"))["pid"], signal.SIGKILL)
    exited = await agent.wait("exited")
    assert (exited["signal"], exited["oom"], exited.get("exceeded")) == ("SIGKILL", oom, None)


@pytest.mark.parametrize("start", ["warm", "cold"])
@pytest.mark.parametrize(
    ("limits", "way", "says"),
    [
        ({"memoryMb": 256}, "watch", "limits.memoryMb cannot be held by the kernel here: there is no cgroup"),
        ({"processes": 5_000_000}, "cgroup", "limits.processes cannot be held by the kernel here"),
        ({"nice": 15}, "refused", "limits.nice cannot be held by the kernel here: [Errno 1] no"),
    ],
)
async def test_what_is_required_and_cannot_be_held_keeps_the_agent_from_running(
    host: HostNode, start: str, limits: dict[str, int], way: str, says: str
) -> None:
    await open_host(host, way)
    ran = host.folder / "ran"
    source = f"open({str(ran)!r}, 'w').close()\n{ECHO}"
    agent = host.spawn(host.module(source), start=start, limits={**limits, "enforcement": "required"})
    failed = await agent.wait("spawn.failed")
    assert failed["code"] == "PROCESS_LIMITS_UNAVAILABLE"
    assert says in failed["message"]
    assert "limits.enforcement" in failed["message"]
    # The host goes on, and what could not be had otherwise is said.
    again = host.spawn(host.module(ECHO), start=start, limits=limits)
    (limit,) = limits
    assert (await again.wait("spawned"))["achieved"][limit] in ("watch", "none")
    assert await again.run("x") == "x"
    assert not ran.exists()
    assert agent.hellos == []
    assert agent.told == [failed]


async def test_the_cgroup_of_an_agent_goes_with_it_and_that_of_the_host_with_the_host(host: HostNode) -> None:
    await host.open()
    agents = [host.spawn(host.module(HELPER), limits={"memoryMb": 256, "processes": 64}) for _ in range(3)]
    for agent in agents:
        await agent.run("1")
    assert ("cgroup" in HOLDERS.values()) == (len([path for path in left(host) if "writer-0-" in path]) >= 3)
    for agent in agents[:2]:
        os.kill((await agent.wait("spawned"))["pid"], signal.SIGKILL)
        await agent.wait("exited")
    await until(lambda: not [path for path in left(host) if "writer-0-1" in path or "writer-0-2" in path])
    host.hang_up()
    assert await host.ended() == 0
    assert left(host) == []


@pytest.mark.parametrize("victim", ["host", "guard", "close"])
async def test_no_cgroup_is_left_whoever_is_killed(host: HostNode, victim: str) -> None:
    await host.open()
    ready = await host.ready()
    agent = host.spawn(host.module(HELPER), limits={"memoryMb": 256, "processes": 64})
    await agent.run("1")
    assert ("cgroup" in HOLDERS.values()) == (left(host) != [])
    if victim == "close":
        host.send({"type": "close"})
    else:
        os.kill(ready["pid"] if victim == "host" else ready["guard"], signal.SIGKILL)
    await host.ended()
    await until(lambda: left(host) == [])


async def test_what_is_left_where_guard_and_host_are_killed_at_once_is_removed_by_the_next_host(host: HostNode) -> None:
    await host.open()
    ready = await host.ready()
    agent = host.spawn(host.module(ECHO), limits={"memoryMb": 256})
    await agent.run("x")
    os.kill(ready["pid"], signal.SIGSTOP)  # it would clean up when its guard dies
    os.kill(ready["guard"], signal.SIGKILL)
    os.kill(ready["pid"], signal.SIGKILL)
    await host.ended()
    await until(lambda: not is_alive(agent.hellos[0]["pid"]))
    assert ("cgroup" in HOLDERS.values()) == (left(host) != [])
    await until(lambda: not os.path.exists(f"/proc/{ready['pid']}"))
    next_host = HostNode(host.folder, host.python)
    try:
        await next_host.open()
        next_agent = next_host.spawn("mod", limits={"memoryMb": 256})
        await next_agent.run("x")
        assert left(host) == []
    finally:
        await next_host.close()


def test_only_what_the_kernel_does_not_see_to_is_looked_at_and_only_while_it_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "hierarchies", lambda _: {})
    limits = Limits("a-system", os.getpid())
    assert limits.pause_ms is None
    for pid, (asked, held, pause) in enumerate(
        [({"openFiles": 64}, {"openFiles": "rlimit"}, None), ({"memoryMb": 64, "nice": 1}, {"nice": "nice"}, LOOK_MS)]
    ):
        limited = limits.prepare("a/0#1", asked)
        assert limited is not None
        reading, writing = os.pipe()
        limits.started(limited, pid, reading)
        assert limits.hear(limited) is False
        os.write(writing, json.dumps({"held": held, "why": {}}).encode())
        os.close(writing)
        assert limits.hear(limited) is True
        assert limits.pause_ms == pause
        limits.ended(pid, 0, 0.0, False)
        limits.look()
        assert limits.pause_ms is None
