"""Owns the sandbox of an agent's process: what it may do, how far the kernel holds it to that, and what follows where
it does not. The kernel's parts are `landlock`'s, `seccomp`'s and `privileges`'.

1. A process puts itself into its sandbox before any of its agent's code runs, with one thread: the kernel confines
   threads, and one that was there before would be a way out.
2. It cannot be left, and all that the process starts is in it.
3. With `required`, what the kernel does not hold keeps the agent from running.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any

from axon_agent import guard, landlock, privileges, sandbox_paths, seccomp
from axon_agent.errors import StartError

_DNS = 53
_EXECUTABLE = landlock.READ_FILE | landlock.EXECUTE
_KEPT: list[int] = []

Paths = bool | tuple[str, ...]
"""`True` is all."""


@dataclass(frozen=True)
class Order:
    """What Node asks for. Paths are absolute; `run` may hold names that are looked up in PATH."""

    is_required: bool
    read: Paths
    write: Paths
    run: Paths
    ports: bool | tuple[int, ...]
    """TCP ports to which it may connect."""
    names_hosts: bool
    """The ports are wanted for certain hosts only, which no kernel can hold."""


def read_order(wire: Any) -> Order:
    """The order of a `launch` frame; `ValueError` where it is none."""
    match wire:
        case {"isRequired": bool(required), "namesHosts": bool(hosts)}:
            return Order(
                required,
                _list(wire, "read", str),
                _list(wire, "write", str),
                _list(wire, "run", str),
                _list(wire, "ports", int),
                hosts,
            )
    raise ValueError("its `sandbox` is none")


def _list(wire: dict[str, Any], key: str, kind: type) -> Any:
    value = wire.get(key)
    if value is True or (isinstance(value, list) and all(isinstance(each, kind) for each in value)):
        return value if value is True else tuple(value)
    raise ValueError(f"the `{key}` of its sandbox is neither true nor a list")


def holds() -> dict[str, Any]:
    """What this kernel has for a sandbox: Landlock's version, 0 for none, and the parts that it does not hold."""
    version = landlock.abi()
    strictest = Order(is_required=True, read=(), write=(), run=(), ports=(443,), names_hosts=False)
    return {"landlock": version, "lacks": judge(strictest, version, seccomp.why_not())[1]}


def enter(order: Order) -> dict[str, str]:
    """Puts this process into its sandbox and returns by what each part of it is held. `StartError` where a permission
    cannot be given, or where all is required and the kernel does not hold a part.
    """
    threads = _threads()
    too_late = f"the process has {threads} threads already" if threads > 1 else None
    version, no_filter = (0, too_late) if too_late else (landlock.abi(), seccomp.why_not())
    held, lacks = judge(order, version, no_filter, too_late)
    if order.is_required and lacks:
        raise StartError("launch", "PROCESS_SANDBOX_UNAVAILABLE", _told(lacks))
    try:
        rules = _rules(order, version) if version else None
        if held["privileges"] != "none":
            privileges.give_up(keeps_file_rights=rules is not None)
        if rules is not None:
            rules.enforce()
        if no_filter is None:
            seccomp.enforce(inet=order.ports is True or bool(order.ports), only_tcp=order.ports is not True)
    except OSError as error:
        message = f"The sandbox cannot be entered: {error}. Set sandbox to 'off' to run without it."
        raise StartError.caused("launch", "PROCESS_SANDBOX_UNAVAILABLE", message, error) from error
    return held


def judge(
    order: Order, version: int, no_filter: str | None, too_late: str | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """By what each part is held with this version of Landlock, and why one is not."""
    no_landlock = (too_late or "the kernel has no Landlock, or it is switched off") if version == 0 else None
    held: dict[str, str] = {}
    lacks: dict[str, str] = {}

    def note(part: str, by: str, why: str | None = None) -> None:
        held[part] = by
        if why is not None:
            lacks[part] = why

    for part, paths in (("read", order.read), ("write", order.write), ("run", order.run)):
        if paths is True:
            note(part, "granted")
        elif no_landlock:
            note(part, "none", no_landlock)
        elif part == "write" and version < landlock.ABI_TRUNCATE:
            note(part, "partial", "this Landlock does not keep files from being truncated (Linux 6.2 does)")
        else:
            note(part, "landlock")
    if order.ports is True:
        note("net", "granted")
    elif no_filter:
        note("net", "none", no_filter)
    elif not order.ports:
        note("net", "seccomp")
    elif version < landlock.ABI_NET:
        note("net", "none", no_landlock or "this Landlock does not know TCP (Linux 6.7 does)")
    else:
        note("net", "ports" if order.names_hosts else "landlock")
    note("sockets", "none" if no_filter else "seccomp", no_filter)
    if version >= landlock.ABI_SCOPES:
        note("processes", "landlock")
    else:
        signals = no_landlock or "this Landlock does not hold signals (Linux 6.12 does)"
        note("processes", "partial" if version else "none", signals)
    note("privileges", "no_new_privs" if guard.IS_LINUX else "none", None if guard.IS_LINUX else "not Linux")
    return held, lacks


def _rules(order: Order, version: int) -> landlock.Ruleset:
    rules = landlock.Ruleset(version=version, files=True, tcp=order.ports is not True)
    # Else this very entry of /proc could be made anew, and the rule would not be about that one.
    _KEPT.append(os.open("/proc/self", os.O_PATH | os.O_CLOEXEC))
    execute = landlock.EXECUTE if order.run is True else 0
    for path in sandbox_paths.readable():
        rules.allow_path(path, landlock.READ | execute)
    for path in sandbox_paths.DEVICES:
        if os.path.exists(path):
            rules.allow_path(path, landlock.READ_FILE | landlock.WRITE_FILE)
    for path in sandbox_paths.interpreter():
        rules.allow_path(path, _EXECUTABLE)
    for path in _programs(order.run):
        rules.allow_path(path, _EXECUTABLE | landlock.READ_DIR)
    for part, paths, rights in (("read", order.read, landlock.READ), ("write", order.write, landlock.WRITE)):
        for path in ("/",) if paths is True else paths or ():
            _allow(rules, part, path, rights | execute)
    for port in order.ports if isinstance(order.ports, tuple) else ():
        rules.allow_connect(port)
    if isinstance(order.ports, tuple) and order.ports:
        rules.allow_connect(_DNS)
    return rules


def _allow(rules: landlock.Ruleset, part: str, path: str, rights: int) -> None:
    try:
        rules.allow_path(path, rights)
    except OSError as error:
        message = f"permissions.{part} names {path}: {error.strerror}. Make it first, or leave it out."
        raise StartError.caused("launch", "CONFIG_INVALID", message, error) from error


def _programs(run: Paths) -> list[str]:
    if run is True:
        return [path for path in os.get_exec_path() if os.path.isabs(path) and os.path.isdir(path)]
    found = []
    for name in run or ():
        path = shutil.which(name)
        if path is None:
            message = f"permissions.run names {name}, which is no program here: install it, or leave it out."
            raise StartError("launch", "CONFIG_INVALID", message)
        found.append(os.path.realpath(path))
    return found


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:  # there is no /proc, and nothing to hold a process by either
        return 1


def _told(lacks: dict[str, str]) -> str:
    reasons = "; ".join(f"{part}: {why}" for part, why in lacks.items())
    return (
        f"The sandbox is required and cannot be had in full: {reasons}. Linux 6.12 with Landlock and seccomp has all "
        "of it; with sandbox 'best-effort' the agent runs with what there is."
    )
