"""Owns how a new process reaches Node: the bootstrap line, its death with its parent, the three connections.

Imports nothing outside the standard library and this package's protocol, so that output is connected first.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys

from axon_agent.protocol import PROTOCOL_VERSION, Bootstrap, FrameError, decode_frame, encode_frame, read_bootstrap

_PR_SET_PDEATHSIG = 1
_MAX_LINE = 64 * 1024


def take_bootstrap() -> Bootstrap:
    """Reads the line from standard input, which is /dev/null afterwards; `FrameError` when there is none."""
    line = take_line()
    if not line:
        raise FrameError("there is no bootstrap line on the standard input")
    return read_bootstrap(line)


def take_line() -> bytes:
    """The first line of standard input, which is /dev/null afterwards; empty when it has ended."""
    line = bytearray()
    while not line.endswith(b"\n"):
        data = os.read(0, 4096)
        if not data or len(line) > _MAX_LINE:
            break
        line += data
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return bytes(line)


def die_with_parent(parent: int) -> None:
    """On Linux the kernel kills this process when `parent` ends. A parent that has ended meanwhile ends it now."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def connect(bootstrap: Bootstrap) -> socket.socket:
    """Connects standard output, standard error and control, in this order; returns control. `OSError` without Node."""
    for stream, descriptor in (("stdout", 1), ("stderr", 2)):
        if stream not in bootstrap.connected:
            with _open(bootstrap, stream) as connection:
                os.dup2(connection.fileno(), descriptor)
    _adopt_output()
    return _open(bootstrap, "control")


def connect_output(bootstrap: Bootstrap) -> dict[str, str]:
    """Connects the descriptors of standard output and error; returns the agent's whole environment, which Node tells
    on the former. `OSError` without Node.
    """
    with _open(bootstrap, "stdout") as output, _open(bootstrap, "stderr") as errors:
        environment = _read_environment(output)
        os.dup2(output.fileno(), 1)
        os.dup2(errors.fileno(), 2)
    return environment


def close_in_forks(connection: socket.socket) -> None:
    """Closes a socket in every process that user code forks: a child must not speak for this process or outlive it
    as the holder of its address or of the end of its connection."""

    def close() -> None:
        # Not `close()`: it waits for the event loop to let go of the socket.
        descriptor = connection.detach()
        if descriptor >= 0:
            os.close(descriptor)

    os.register_at_fork(after_in_child=close)


def _open(bootstrap: Bootstrap, stream: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(bootstrap.socket)
        connection.sendall(
            encode_frame(
                {
                    "type": "hello",
                    "protocol": PROTOCOL_VERSION,
                    "generation": bootstrap.generation,
                    "pid": os.getpid(),
                    "nonce": bootstrap.nonce,
                    "stream": stream,
                }
            )
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _read_environment(connection: socket.socket) -> dict[str, str]:
    line = bytearray()
    while not line.endswith(b"\n"):
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("Node has closed the connection")
        line += data
    match decode_frame(bytes(line)):
        case {"type": "environment", "variables": dict(variables)}:
            return variables
    raise FrameError("expected `environment`")


def _adopt_output() -> None:
    # Whatever user code prints must come out line by line and never raise for a character.
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = open(  # noqa: SIM115 - it lives as long as the process
            descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
