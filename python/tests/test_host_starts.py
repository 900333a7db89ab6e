"""What an agent starts with: preloads, when forking is not allowed, its environment, limits, and what it shares."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from host_kit import HostNode

ECHO = "def agent(prompt): return prompt\n"
OF_EACH = """
import os, random, secrets, ssl, tempfile, uuid, sys
drawn = [
    str(random.random()), secrets.token_hex(8), str(uuid.uuid4()), ssl.RAND_bytes(8).hex(),
    next(tempfile._get_candidate_names()),
    str(random.SystemRandom().random()),
]
if 'numpy' in sys.modules:
    import numpy
    drawn.append(str(numpy.random.random()))
if 'multiprocessing.process' in sys.modules:
    import multiprocessing
    drawn.append(multiprocessing.current_process().authkey.hex())
def agent(prompt): return drawn
"""
LOOK = """
import gc, os, resource, signal, sys, threading
def agent(prompt):
    def link(fd):
        try: return os.readlink(f'/proc/self/fd/{fd}')
        except OSError: return ''
    return {
        'env': dict(os.environ),
        'fds': [link(fd) for fd in os.listdir('/proc/self/fd')],
        'files': resource.getrlimit(resource.RLIMIT_NOFILE),
        'cpu': resource.getrlimit(resource.RLIMIT_CPU),
        'nice': os.nice(0),
        'comm': open('/proc/self/comm').read().strip(),
        'argv': sys.argv,
        'cmdline': open('/proc/self/cmdline').read(),
        'environ': open('/proc/self/environ').read(),
        'mask': len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        'chld': signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL,
        'cwd': os.getcwd(),
    }
"""


def preload(host: HostNode, source: str) -> dict[str, object]:
    """Writes a module that the host can preload; the options of `open` for it."""
    (host.folder / "my_preload.py").write_text(source)
    return {"preload": ["my_preload"], "env": {"PYTHONPATH": host.source_and_folder}}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "import threading\nthreading.Thread(target=threading.Event().wait, name='lingerer', daemon=True).start()\n",
            "lingerer",
        ),
        ("raise RuntimeError('not today')\n", "preload my_preload failed: not today"),
        ("raise SystemExit(3)\n", "preload my_preload failed: 3"),
    ],
)
async def test_a_preload_that_forbids_forking_is_told_and_agents_start_by_exec(
    host: HostNode, source: str, why: str
) -> None:
    await host.open(**preload(host, source))  # type: ignore[arg-type]
    ready = await host.ready()
    assert ready["canFork"] is False
    assert why in ready["why"]
    assert ready["guard"] == host.process.pid  # type: ignore[union-attr]
    agent = host.spawn(host.module("import sys\ndef agent(prompt): return 'my_preload' in sys.modules\n"))
    assert await agent.run("x") is False
    host.hang_up()
    assert await host.ended() == 0


async def test_a_preload_that_is_not_there(host: HostNode) -> None:
    await host.open(preload=["no_such_module"])
    assert "no_such_module" in (await host.ready())["why"]


async def test_a_preload_is_loaded_once_and_can_neither_read_requests_nor_print_frames(host: HostNode) -> None:
    source = (
        'import os, sys\nprint(\'{"type":"host.ready"}\', flush=True)\npid = os.getpid()\nread = sys.stdin.read()\n'
    )
    await host.open(**preload(host, source))  # type: ignore[arg-type]
    ready = await host.ready()
    assert ready["preloaded"][-1] == "my_preload"
    agent = host.spawn(host.module("import my_preload\ndef agent(prompt): return [my_preload.pid, my_preload.read]\n"))
    assert await agent.run("x") == [ready["pid"], ""]
    assert '{"type":"host.ready"}' in host.errors


async def test_a_thread_that_ends_in_time_does_not_forbid_forking(host: HostNode) -> None:
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=(0.05,)).start()\n"
    await host.open(**preload(host, source))  # type: ignore[arg-type]
    assert (await host.ready())["canFork"] is True


async def test_a_host_that_is_not_warmed_loads_nothing(host: HostNode) -> None:
    await host.open(warm=False)
    ready = await host.ready()
    assert ready["preloaded"] == []
    agents = [host.spawn(host.module(ECHO), start=start) for start in ("warm", "cold")]
    assert await asyncio.gather(*(agent.run("x") for agent in agents)) == ["x", "x"]


async def test_fifty_forked_agents_share_no_random_state(full_host: HostNode) -> None:
    await full_host.open(preload=["random", "multiprocessing", "tempfile", "ssl"])
    full_host.module(OF_EACH)
    agents = [full_host.spawn("mod") for _ in range(50)]
    drawn = await asyncio.gather(*(agent.run("x") for agent in agents))
    for column in zip(*drawn, strict=True):
        assert len(set(column)) == 50


@pytest.mark.parametrize("left", ["", "asyncio.set_event_loop(asyncio.new_event_loop())\n"])
async def test_asyncio_is_in_a_forked_agent_as_in_a_new_process(host: HostNode, left: str) -> None:
    source = (
        "import asyncio, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "try:\n"
        "    found = 'closed' if asyncio.get_event_loop().is_closed() else 'open'\n"
        "    is_own = asyncio.get_event_loop() is not getattr(asyncio, 'left', None)\n"
        "except RuntimeError as error:\n"
        "    found, is_own = str(error), True\n"
        "async def agent(prompt): return [found, is_own, asyncio.get_running_loop() is not None]\n"
    )
    preloaded = f"import asyncio\n{left}" + ("asyncio.left = asyncio.get_event_loop()\n" if left else "")
    await host.open(**preload(host, preloaded))  # type: ignore[arg-type]
    assert (await host.ready())["canFork"] is True
    host.module(source)
    warm, cold = [await host.spawn("mod", start=start).run("x") for start in ("warm", "cold")]
    assert warm == cold
    assert warm[1:] == [True, True]


async def test_agents_see_nothing_of_each_other(host: HostNode) -> None:
    await host.open()
    host.module("import os\nbefore = getattr(os, 'mark', None)\nos.mark = 1\ndef agent(prompt): return before")
    first = host.spawn("mod", env={"SECRET_OF_ONE": "1"})
    assert await first.run("x") is None
    (host.folder / "other.py").write_text(LOOK)
    second = host.spawn("other")
    seen = await second.run("x")
    assert "SECRET_OF_ONE" not in seen["env"]
    third = host.spawn("mod")
    assert await third.run("x") is None


@pytest.mark.parametrize("start", ["warm", "cold"])
async def test_environment_name_descriptors_and_limits_are_the_agents_own(host: HostNode, start: str) -> None:
    source = f"{LOOK}\nfd = open('/dev/zero', 'rb')\n"
    await host.open(**preload(host, "kept = open('/dev/zero', 'rb')\n"))  # type: ignore[arg-type]
    host.environment = {"AXON_SYSTEM": host.system, "PYTHONPATH": host.environment["PYTHONPATH"], "ONLY": "this"}
    limits = {"openFiles": 64, "cpuSeconds": 600, "nice": 5, "memoryMb": 512, "processes": 64}
    agent = host.spawn(host.module(source), start=start, name="a-rather-long-name", limits=limits)
    seen = await agent.run("x")
    assert {key: value for key, value in seen["env"].items() if key not in ("LC_CTYPE", "PYDANTIC_AI_NO_BANNER")} == (
        host.environment
    )
    assert seen["files"] == [64, 64]
    assert seen["cpu"][0] == 600
    assert seen["nice"] == os.nice(0) + 5
    assert seen["mask"] == 0
    assert seen["chld"] is True
    assert seen["cwd"] == str(host.folder)
    assert seen["argv"][0].endswith("axon_agent/agent.py")
    ready = await host.ready()
    of_the_host = {str(path.readlink()) for path in Path(f"/proc/{ready['pid']}/fd").iterdir()}
    assert of_the_host & set(seen["fds"]) <= {"/dev/null", "/dev/zero"}
    assert seen["fds"].count("/dev/zero") == 1
    assert agent.nonce not in json.dumps(seen)
    if start == "warm":
        assert seen["comm"] == "ag-a-rather-lon"


async def test_an_interpreter_that_dies_at_once_leaves_its_last_words(host: HostNode) -> None:
    await host.open()
    agent = host.spawn(host.module(ECHO), start="cold", env={"PYTHONHOME": "/no/such/home"})
    exited = await agent.wait("exited")
    assert exited["code"] == 1
    await agent.line("stderr", "encodings")
    assert [hello["stream"] for hello in agent.hellos] == ["stdout", "stderr"]


@pytest.mark.parametrize("start", ["warm", "cold"])
async def test_a_variable_that_no_environment_can_hold_ends_the_start_with_a_word(host: HostNode, start: str) -> None:
    await host.open()
    agent = host.spawn(host.module(ECHO), start=start, env={"A=B": "x"})
    assert (await agent.wait("exited"))["code"] == 1
    await agent.line("stderr", "could not be started")


async def test_an_environment_of_any_size_reaches_the_agent(host: HostNode) -> None:
    await host.open()
    host.module("import os\ndef agent(prompt): return len(os.environ['BIG'])\n")
    for start in ("warm", "cold"):
        agent = host.spawn("mod", start=start, env={"BIG": "é" * 50_000})
        assert await agent.run("x") == 50_000


async def test_a_thread_that_appears_later_is_told_and_agents_start_by_exec_from_then_on(host: HostNode) -> None:
    # It comes with a signal, as a library's would with a call; nothing of the kind happens in a host by itself.
    source = (
        "import signal, threading\n"
        "def start(*_):\n"
        "    threading.Thread(target=threading.Event().wait, name='late', daemon=True).start()\n"
        "signal.signal(signal.SIGUSR1, start)\n"
    )
    await host.open(**preload(host, source))  # type: ignore[arg-type]
    ready = await host.ready()
    assert ready["canFork"] is True
    forked = host.spawn(host.module("import sys\ndef agent(prompt): return 'my_preload' in sys.modules\n"))
    assert await forked.run("x") is True
    os.kill(ready["pid"], signal.SIGUSR1)
    while len(os.listdir(f"/proc/{ready['pid']}/task")) == 1:  # noqa: ASYNC110
        await asyncio.sleep(0.001)  # the kernel tells nobody
    executed = host.spawn("mod")
    assert await executed.run("x") is False
    assert "thread late: agents are started by exec from now on" in host.told("host.warned")["message"]
