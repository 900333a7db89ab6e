"""Starts that fail: each is told as `failed` with its code, and the process exits with code 1."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import Any

import pytest
from fake_node import FakeNode

ECHO = "def agent(prompt): return prompt\n"


@pytest.mark.parametrize(
    ("source", "module", "model", "code", "wanted"),
    [
        (ECHO, "no_module", None, "AGENT_MODULE_NOT_FOUND", "no_module"),
        ("import no_package\n", "mod", None, "AGENT_IMPORT_FAILED", "dependencies"),
        ("print('out'); 1/0\n", "mod", None, "AGENT_IMPORT_FAILED", "ZeroDivisionError"),
        ("raise SystemExit(0)\n", "mod", None, "AGENT_IMPORT_FAILED", "SystemExit"),
        ("def other(prompt): ...\n", "mod", None, "AGENT_OBJECT_MISSING", "mod:other"),
        ("from pydantic_ai import Agent\nagent = Agent()\n", "mod", "nobody:x", "AGENT_MODEL_INVALID", "provider:name"),
    ],
)
async def test_an_agent_that_cannot_be_loaded(
    node: FakeNode, source: str, module: str, model: str | None, code: str, wanted: str
) -> None:
    node.module(source)
    agent = await node.start(module, model=model)
    failed = await agent.failed()
    assert (failed["phase"], failed["code"]) == ("import", code)
    assert wanted in failed["message"]
    assert set(failed) == {"type", "phase", "code", "kind", "message", "traceback"}


async def test_a_provider_without_its_key_is_told_at_launch(node: FakeNode) -> None:
    # Only pydantic-ai's own words are asked for: which package or key is missing depends on what is installed.
    agent = await node.start(node.module("from pydantic_ai import Agent\nagent = Agent()\n"), model="openai:gpt-5")
    failed = await agent.failed()
    assert failed["code"] == "AGENT_MODEL_INVALID"
    assert "openai" in failed["message"]


async def test_a_model_refused_inside_of_the_module_is_told_as_such(node: FakeNode) -> None:
    agent = await node.start(node.module("from pydantic_ai import Agent\nagent = Agent('nobody:x')\n"))
    failed = await agent.failed()
    assert failed["code"] == "AGENT_MODEL_INVALID"
    assert "mod.py" in failed["traceback"]


async def test_an_address_in_use(node: FakeNode) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        agent = await node.start(node.module(ECHO), endpoint={"kind": "tcp", "host": "127.0.0.1", "port": port})
        failed = await agent.failed()
    assert (failed["phase"], failed["code"]) == ("bind", "PORT_IN_USE")
    assert str(port) in failed["message"]


async def test_another_protocol(node: FakeNode) -> None:
    agent = await node.start(node.module(ECHO), bootstrap={"protocol": 2})
    assert (await agent.failed())["code"] == "PROTOCOL_MISMATCH"


@pytest.mark.parametrize("launch", [b"not json\n", b'{"type":"launch"}\n', b'{"type":"drain"}\n'])
async def test_an_unreadable_launch_frame(node: FakeNode, launch: bytes) -> None:
    agent = await node.start(node.module(ECHO), launch=launch)
    failed = await agent.failed()
    assert (failed["phase"], failed["code"]) == ("launch", "PROTOCOL_INVALID_FRAME")


async def test_a_directory_that_is_not_there(node: FakeNode) -> None:
    agent = await node.start(node.module(ECHO), cwd="/no/such/directory")
    failed = await agent.failed()
    assert (failed["phase"], failed["code"]) == ("launch", "CONFIG_INVALID")


async def test_an_unreadable_frame_later_ends_the_process(node: FakeNode) -> None:
    agent = await node.start(node.module(ECHO))
    await agent.ready()
    assert agent.control is not None
    agent.control.write(b"}{\n")
    assert (await agent.failed())["code"] == "PROTOCOL_INVALID_FRAME"


async def test_without_node_it_leaves_quietly(node: FakeNode) -> None:
    agent = await node.start(node.module(ECHO), bootstrap={"socket": "/no/such/node.sock"})
    assert await agent.exit() == 1
    assert agent.hellos == []


async def test_a_port_of_the_kernels_choice_is_reported(node: FakeNode) -> None:
    agent = await node.start(node.module(ECHO), endpoint={"kind": "tcp", "host": "127.0.0.1", "port": 0})
    endpoint = (await agent.ready())["endpoint"]
    assert endpoint["host"] == "127.0.0.1"
    assert endpoint["port"] > 0
    assert (await agent.run({"prompt": "x"})).json()["result"] == "x"


async def test_a_stale_socket_of_a_killed_process_is_replaced(node: FakeNode) -> None:
    first = await node.start(node.module(ECHO))
    endpoint = (await first.ready())["endpoint"]
    os.kill(first.process.pid, signal.SIGKILL)
    await first.exit()
    assert os.path.lexists(endpoint["path"])
    second = await node.start("mod", endpoint=endpoint)
    assert (await second.run({"prompt": "again"})).json()["result"] == "again"


NOISY = """
import os, sys, threading, logging
print('printed at import')
print('\\ud800 lone')
os.write(1, b'written\\n')
os.write(2, b'error written\\n')
print('stderr', file=sys.stderr)
threading.Thread(target=lambda: threading.Event().wait(), daemon=False).start()
logging.getLogger('mine').info('logged', extra={'n': 1})

def agent(prompt):
    print('in run')
    logging.getLogger('mine').warning('in a run')
    return [os.getcwd(), sys.path[0], sys.stdin.read()]
"""


async def test_what_a_module_prints_and_starts_does_no_harm(node: FakeNode) -> None:
    agent = await node.start(node.module(NOISY))
    folder = str(node.folder)
    assert (await agent.run({"prompt": "x"}, "noisy-run")).json()["result"] == [folder, folder, ""]
    for line in ("printed at import", "\\ud800 lone", "written", "in run"):
        await agent.line("stdout", line)
    await agent.line("stderr", "error written")
    logged: Any = await agent.line("stderr", '"in a run"')
    assert '"run": "noisy-run"' in logged
    assert '"n": 1' in await agent.line("stderr", '"logged"')
    agent.send({"type": "drain"})
    assert await agent.exit() == 0


async def test_heartbeats_come_from_a_thread_and_show_a_loop_that_hangs(node: FakeNode) -> None:
    agent = await node.start(
        node.module("import time\nasync def agent(prompt):\n  time.sleep(60)\n"), heartbeatMs=20, shutdownMs=0
    )
    first = await agent.frame("heartbeat")
    assert first["rss"] > 1_000_000
    assert first["cpu"] > 0
    assert first["inFlight"] == 0
    hanging = asyncio.ensure_future(agent.run({"prompt": "x"}))
    hung = await agent.until(lambda: [f for f in agent.frames if f["type"] == "heartbeat" and f["loopLagMs"] > 200])
    assert hung[0]["inFlight"] == 1
    os.killpg(agent.process.pid, signal.SIGKILL)
    await asyncio.gather(hanging, return_exceptions=True)


async def test_sigabrt_leaves_the_stacks_of_all_threads(node: FakeNode) -> None:
    agent = await node.start(node.module(ECHO))
    await agent.ready()
    os.kill(agent.process.pid, signal.SIGABRT)
    assert await agent.exit() == -signal.SIGABRT
    await agent.line("stderr", "Fatal Python error: Aborted")


async def test_a_forked_grandchild_does_not_hold_control_or_the_port(node: FakeNode) -> None:
    source = "import os, time\ndef agent(prompt):\n  pid = os.fork()\n  if pid == 0: time.sleep(60)\n  return pid\n"
    agent = await node.start(node.module(source), endpoint={"kind": "tcp", "host": "127.0.0.1", "port": 0})
    endpoint = (await agent.ready())["endpoint"]
    grandchild = (await agent.run({"prompt": "x"})).json()["result"]
    try:
        os.kill(agent.process.pid, signal.SIGKILL)
        await agent.exit()
        await agent.until(lambda: agent.is_control_ended)
        node.module(ECHO)
        again = await node.start("mod", endpoint=endpoint)
        await again.ready()
    finally:
        os.kill(grandchild, signal.SIGKILL)


async def test_a_drain_before_it_is_ready_ends_it_with_code_0(node: FakeNode) -> None:
    agent = await node.start(node.module("import time\nprint('loading')\ntime.sleep(0.2)\n" + ECHO))
    await agent.line("stdout", "loading")
    agent.send({"type": "drain"})
    assert await agent.exit() == 0
    assert not [frame for frame in agent.frames if frame["type"] == "failed"]


async def test_the_end_of_control_kills_it_while_it_loads(node: FakeNode) -> None:
    agent = await node.start(node.module("import time\nprint('loading')\ntime.sleep(60)\n" + ECHO))
    await agent.line("stdout", "loading")
    assert agent.control is not None
    agent.control.close()
    assert await agent.exit() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
async def test_it_dies_with_its_parent(node: FakeNode) -> None:
    # The parent hands its standard input on, and dies by SIGKILL when it is told to.
    parent = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'axon_agent.agent'], start_new_session=True)\n"
        "child.wait()\n"
    )
    agent = await node.start(node.module(ECHO), command=["-c", parent])
    await agent.ready()
    pid = agent.hellos[0]["pid"]
    assert pid != agent.process.pid
    agent.process.kill()
    await agent.exit()
    await agent.until(lambda: agent.is_control_ended)
