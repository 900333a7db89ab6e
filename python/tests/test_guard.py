"""The guard around one command: its status, its lifeline, and that nothing is left."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from processes import SECONDS, is_alive, marked, process_is

from axon_agent import guard

GUARD = guard.__file__
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    daemon = os.fork()
    if daemon == 0:
        time.sleep(600)
    print(daemon, flush=True)  # not the daemon: the guard may end it before it has spoken
    os._exit(0)
os.wait()
"""
STUBBORN = "import signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n"


class Guarded:
    """One guarded command; `line` is the next line of its output."""

    def __init__(self, process: asyncio.subprocess.Process, system: str) -> None:
        self.process = process
        self.system = system

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), SECONDS)).decode().strip()

    async def end(self) -> int:
        return await asyncio.wait_for(self.process.wait(), SECONDS)

    def hang_up(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


class Start:
    def __init__(self) -> None:
        self.started: list[Guarded] = []

    async def __call__(self, source: str, *options: str) -> Guarded:
        system = secrets.token_hex(8)
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-I", "-S", GUARD, *options, "--", sys.executable, "-c", source],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "AXON_SYSTEM": system},
            start_new_session=True,
        )
        self.started.append(Guarded(process, system))
        return self.started[-1]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    starting = Start()
    yield starting
    for one in starting.started:
        one.hang_up()
        await one.end()
        one.process._transport.close()  # type: ignore[attr-defined]
        assert marked(one.system) == []


@pytest.mark.parametrize(
    ("source", "code"), [("", 0), ("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)]
)
async def test_the_status_is_the_commands(start: Start, source: str, code: int) -> None:
    assert await (await start(source)).end() == code


async def test_the_command_reads_nothing_and_prints_what_it_likes(start: Start) -> None:
    running = await start("import sys; print([sys.stdin.read()])")
    assert await running.line() == "['']"
    assert await running.end() == 0


async def test_a_daemon_of_a_command_that_ends_is_killed(start: Start) -> None:
    running = await start(DAEMON)
    daemon = int(await running.line())
    assert await running.end() == 0
    assert not is_alive(daemon)


async def test_the_end_of_the_lifeline_kills_all_and_removes_what_was_half_made(start: Start, tmp_path: Path) -> None:
    made = tmp_path / "half"
    (made / "deep").mkdir(parents=True)
    running = await start(f"{STUBBORN}{DAEMON}\ntime.sleep(600)", "--remove", str(made))
    daemon = int(await running.line())
    running.hang_up()
    assert await running.end() == 0
    assert not is_alive(daemon)
    assert not made.exists()


async def test_what_a_command_has_made_stays_when_it_ends_by_itself(start: Start, tmp_path: Path) -> None:
    running = await start("raise SystemExit(1)", "--remove", str(tmp_path))
    assert await running.end() == 1
    assert tmp_path.exists()


async def test_a_signal_to_the_guard_ends_the_command_first(start: Start) -> None:
    running = await start(f"{STUBBORN}import time, os; print(os.getpid(), flush=True); time.sleep(600)")
    command = int(await running.line())
    os.kill(running.process.pid, signal.SIGTERM)
    assert await running.end() == 128 + signal.SIGTERM
    assert not is_alive(command)


async def test_the_command_dies_with_a_guard_that_is_killed(start: Start) -> None:
    running = await start(f"{STUBBORN}import time, os; print(os.getpid(), flush=True); time.sleep(600)")
    command = int(await running.line())
    os.kill(running.process.pid, signal.SIGKILL)
    assert await running.end() == -signal.SIGKILL
    await process_is(command, "")


async def test_a_stopped_command_is_killed(start: Start) -> None:
    running = await start("import os, time; print('up', flush=True); os.kill(os.getpid(), 19); time.sleep(600)")
    assert await running.line() == "up"
    running.hang_up()
    assert await running.end() == 0


async def test_a_tree_that_keeps_forking_is_swept(start: Start) -> None:
    source = "import os, time\nprint('up', flush=True)\nfor _ in range(6): os.fork()\nos.setsid()\ntime.sleep(600)"
    running = await start(source)
    assert await running.line() == "up"
    running.hang_up()
    assert await running.end() == 0


def test_a_command_that_is_not_there() -> None:
    for command, code in ((["/no/such/command"], 127), ([], 2)):
        ran = subprocess.run(
            [sys.executable, GUARD, "--", *command], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        assert ran.returncode == code
        assert ran.stderr


@pytest.mark.parametrize(
    ("name", "mode", "is_removed"),
    [("axon-x", 0o700, True), ("axon-x", 0o2700, True), ("axon-x", 0o755, False), ("x", 0o700, False)],
)
def test_only_a_runtime_directory_of_axons_is_removed(tmp_path: Path, name: str, mode: int, is_removed: bool) -> None:
    made = tmp_path / name
    made.mkdir()
    made.chmod(mode)
    guard._remove_runtime(str(made))
    assert made.exists() is not is_removed


def test_a_link_to_a_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o700)
    (tmp_path / "axon-x").symlink_to(tmp_path / "there")
    guard._remove_runtime(str(tmp_path / "axon-x"))
    assert (tmp_path / "there").exists()


def test_the_guard_loads_little() -> None:
    source = (
        f"import sys; sys.path.insert(0, {str(Path(GUARD).parent.parent)!r})\n"
        "from axon_agent import guard\nprint(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", source], stdout=subprocess.PIPE, text=True, check=True)
    heavy = {"asyncio", "dataclasses", "inspect", "json", "re", "socket", "subprocess", "threading", "typing"}
    assert not heavy & set(ran.stdout.split())
