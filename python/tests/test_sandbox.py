"""The sandbox: what is held by which kernel, and that it is entered whole or not at all. Escapes are in test/e2e."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from axon_agent import landlock, sandbox, sandbox_paths, seccomp
from axon_agent.errors import StartError

NOTHING = sandbox.Order(is_required=True, read=(), write=(), run=(), ports=(), names_hosts=False)
ALL = replace(NOTHING, read=True, write=True, run=True, ports=True)


@pytest.mark.parametrize(
    ("version", "lacks", "held"),
    [
        (0, {"read", "write", "run", "processes"}, {"write": "none", "processes": "none", "net": "seccomp"}),
        (2, {"write", "processes"}, {"read": "landlock", "write": "partial", "processes": "partial"}),
        (3, {"processes"}, {"write": "landlock", "processes": "partial"}),
        (6, set(), {"read": "landlock", "processes": "landlock", "sockets": "seccomp"}),
    ],
)
def test_what_a_kernel_holds_depends_on_its_landlock(version: int, lacks: set[str], held: dict[str, str]) -> None:
    told, missing = sandbox.judge(NOTHING, version, None)
    assert set(missing) == lacks
    assert told.items() >= held.items()


@pytest.mark.parametrize(
    ("version", "no_filter", "changes", "by"),
    [
        (6, None, {}, "seccomp"),
        (0, None, {}, "seccomp"),
        (6, None, {"ports": (443,)}, "landlock"),
        (6, None, {"ports": (443,), "names_hosts": True}, "ports"),
        (3, None, {"ports": (443,)}, "none"),
        (6, "no filters", {"ports": (443,)}, "none"),
        (0, "no filters", {"ports": True}, "granted"),
    ],
)
def test_the_network_is_held_by_what_its_permissions_need(
    version: int, no_filter: str | None, changes: dict[str, Any], by: str
) -> None:
    held, lacks = sandbox.judge(replace(NOTHING, **changes), version, no_filter)
    assert held["net"] == by
    assert ("net" in lacks) == (by == "none")


def test_what_is_granted_lacks_nothing_and_other_processes_stay_out_of_reach() -> None:
    held, lacks = sandbox.judge(ALL, 0, None)
    assert [held[part] for part in ("read", "write", "run", "net")] == ["granted"] * 4
    assert set(lacks) == {"processes"}


def test_this_kernel_holds_all_of_it() -> None:
    assert sandbox.holds() == {"landlock": landlock.abi(), "lacks": {}}


def test_an_order_is_read_as_it_was_sent_and_anything_else_is_refused() -> None:
    wire = {"isRequired": True, "namesHosts": False, "read": ["/a"], "write": [], "run": True, "ports": [443]}
    read = sandbox.read_order(wire)
    assert read == sandbox.Order(is_required=True, read=("/a",), write=(), run=True, ports=(443,), names_hosts=False)
    for wrong in (
        {},
        {**wire, "read": "/"},
        {**wire, "write": [1]},
        {**wire, "ports": False},
        {**wire, "isRequired": 1},
    ):
        with pytest.raises(ValueError, match="sandbox"):
            sandbox.read_order(wrong)


def test_a_process_with_a_second_thread_enters_no_sandbox_that_is_required() -> None:
    def enter() -> str:
        ended = threading.Event()
        threading.Thread(target=ended.wait, daemon=True).start()
        try:
            sandbox.enter(NOTHING)
        except StartError as error:
            os.listdir("/tmp")
            return f"{error.code} {error.message}"
        return "entered"

    assert in_child(enter).startswith("PROCESS_SANDBOX_UNAVAILABLE The sandbox is required")
    assert "2 threads already" in in_child(enter)


@pytest.mark.parametrize("part", ["read", "write"])
def test_a_permission_for_what_is_not_there_names_it(part: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    order = replace(NOTHING, read=(missing,)) if part == "read" else replace(NOTHING, write=(missing,))
    said = in_child(lambda: refusal(order))
    assert said == f"CONFIG_INVALID permissions.{part} names {missing}: No such file or directory. " + (
        "Make it first, or leave it out."
    )


def test_a_program_that_is_not_there_is_named() -> None:
    said = in_child(lambda: refusal(replace(NOTHING, run=("no-such-program",))))
    assert said.startswith("CONFIG_INVALID permissions.run names no-such-program, which is no program here")


def test_sockets_of_the_internet_are_for_tcp_where_ports_are_named() -> None:
    def kinds() -> dict[str, str]:
        sandbox.enter(replace(NOTHING, ports=(443,)))
        return {
            "tcp": made(socket.AF_INET, socket.SOCK_STREAM, 0),
            "tcp6": made(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP),
            "nonblocking": made(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0),
            "udp": made(socket.AF_INET, socket.SOCK_DGRAM, 0),
            "sctp": made(socket.AF_INET, socket.SOCK_STREAM, 132),
            "raw": made(socket.AF_INET, socket.SOCK_RAW, 1),
            "unix": made(socket.AF_UNIX, socket.SOCK_STREAM, 0),
            "netlink": made(socket.AF_NETLINK, socket.SOCK_RAW, 0),
            "vsock": made(socket.AF_VSOCK, socket.SOCK_STREAM, 0),
        }

    assert json.loads(in_child(lambda: json.dumps(kinds()))) == {
        **dict.fromkeys(("tcp", "tcp6", "nonblocking"), "made"),
        **dict.fromkeys(("udp", "sctp", "raw", "unix", "netlink", "vsock"), "PermissionError"),
    }


def test_the_loader_of_the_interpreter_is_found_in_it() -> None:
    files = sandbox_paths.interpreter()
    assert os.path.realpath(sys.executable) in files
    assert any("/ld" in path for path in files)
    assert all(os.access(path, os.X_OK) for path in files)


def test_a_machine_without_a_filter_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seccomp.why_not() is None
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert seccomp.why_not() == "no filter is known for riscv64"


def made(family: int, kind: int, protocol: int) -> str:
    try:
        socket.socket(family, kind, protocol).close()
    except OSError as error:
        return type(error).__name__
    return "made"


def refusal(order: sandbox.Order) -> str:
    try:
        sandbox.enter(order)
    except StartError as error:
        return f"{error.code} {error.message}"
    return "entered"


def in_child(act: Callable[[], str]) -> str:
    """What `act` says in a process of its own: nobody comes back from a sandbox."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, act().encode())
        except BaseException as error:
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as said:
        text = said.read()
    os.waitpid(pid, 0)
    return text
