"""Owns the listening socket: its address, its rights, its removal. Serving it belongs to `serve`."""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from axon_agent.connect import close_in_forks
from axon_agent.errors import StartError
from axon_agent.protocol import Endpoint

BACKLOG = 2048
_RETRY_SECONDS = 1.0
_PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Listener:
    """A socket that listens, and where. `remove` deletes a Unix socket's file, if it is still this one."""

    socket: socket.socket
    endpoint: Endpoint
    inode: tuple[int, int] | None = None

    def remove(self) -> None:
        try:
            seen = os.lstat(self.endpoint.path) if self.inode else None
            if seen and (seen.st_dev, seen.st_ino) == self.inode:
                os.unlink(self.endpoint.path)
        except OSError:
            pass


def bind(endpoint: Endpoint) -> Listener:
    """Binds and listens. An address in use is tried again for 1 s; then `StartError` PORT_IN_USE."""
    attempt: Callable[[Endpoint], Listener] = _unix if endpoint.kind == "unix" else _tcp
    until = time.monotonic() + _RETRY_SECONDS
    while True:
        try:
            return attempt(endpoint)
        except OSError as error:
            where = endpoint.path if endpoint.kind == "unix" else f"{endpoint.host}:{endpoint.port}"
            if error.errno != errno.EADDRINUSE:
                message = f"{where} cannot be bound: {error.strerror or error}."
                raise StartError.caused("bind", "CONFIG_INVALID", message, error) from error
            if time.monotonic() >= until:
                message = f"{where} is in use by another process. Stop it, or choose another port (0: any)."
                raise StartError.caused("bind", "PORT_IN_USE", message, error) from error
            time.sleep(_PAUSE_SECONDS)


def _tcp(endpoint: Endpoint) -> Listener:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((endpoint.host, endpoint.port))
        # Two sockets may be bound to one port with SO_REUSEADDR: listening is what shows that it is free.
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return _listener(listener, replace(endpoint, port=listener.getsockname()[1]))


def _unix(endpoint: Endpoint) -> Listener:
    _remove_stale(endpoint.path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Before bind, so that the file never has wider rights, not even for a moment (Linux); after it, elsewhere.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(endpoint.path)
        os.chmod(endpoint.path, 0o600)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    seen = os.lstat(endpoint.path)
    return _listener(listener, endpoint, (seen.st_dev, seen.st_ino))


def _listener(listener: socket.socket, endpoint: Endpoint, inode: tuple[int, int] | None = None) -> Listener:
    close_in_forks(listener)
    return Listener(listener, endpoint, inode)


def _remove_stale(path: str) -> None:
    """Removes a socket of ours that nobody listens on; anything else at this path stays and is refused."""
    try:
        seen = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(seen.st_mode):
        raise OSError(errno.EEXIST, "something that is no socket is there")
    if seen.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "a socket of another user is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except FileNotFoundError:
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
