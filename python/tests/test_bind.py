"""The listening socket: its rights, what it replaces, what it refuses."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from axon_agent.bind import bind
from axon_agent.errors import StartError
from axon_agent.protocol import Endpoint


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own: its paths may be too long for a socket.
    with tempfile.TemporaryDirectory(prefix="axon-") as name:
        yield Path(name)


def leave_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


def test_a_unix_socket_is_for_its_owner_only_and_removed(folder: Path) -> None:
    path = folder / "a.sock"
    before = os.umask(0)
    try:
        listener = bind(Endpoint("unix", path=str(path)))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    listener.remove()
    listener.socket.close()
    assert not path.exists()


def test_a_stale_socket_is_replaced(folder: Path) -> None:
    path = folder / "a.sock"
    leave_stale(path)
    with bind(Endpoint("unix", path=str(path))).socket, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_newer_socket_at_the_same_path_is_not_removed(folder: Path) -> None:
    path = folder / "a.sock"
    listener = bind(Endpoint("unix", path=str(path)))
    path.unlink()
    leave_stale(path)
    listener.remove()
    listener.socket.close()
    assert path.exists()


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_is_no_socket_is_refused_and_kept(folder: Path, kind: str) -> None:
    path = folder / "a.sock"
    if kind == "file":
        path.write_text("precious")
    elif kind == "link":
        leave_stale(folder / "other.sock")
        path.symlink_to(folder / "other.sock")
    else:
        path.mkdir()
    with pytest.raises(StartError) as caught:
        bind(Endpoint("unix", path=str(path)))
    assert (caught.value.phase, caught.value.code) == ("bind", "CONFIG_INVALID")
    assert os.path.lexists(path)


def test_a_foreign_socket_is_refused_and_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "a.sock"
    leave_stale(path)
    monkeypatch.setattr(os, "geteuid", lambda: path.lstat().st_uid + 1)
    with pytest.raises(StartError, match="another user"):
        bind(Endpoint("unix", path=str(path)))
    assert path.exists()


def test_a_socket_that_somebody_serves_is_in_use(folder: Path) -> None:
    path = folder / "a.sock"
    with bind(Endpoint("unix", path=str(path))).socket:
        with pytest.raises(StartError) as caught:
            bind(Endpoint("unix", path=str(path)))
        assert caught.value.code == "PORT_IN_USE"
        assert path.exists()


def test_a_path_that_is_too_long_is_refused(folder: Path) -> None:
    with pytest.raises(StartError, match="too long") as caught:
        bind(Endpoint("unix", path=str(folder / ("a" * 200))))
    assert caught.value.code == "CONFIG_INVALID"


def test_the_port_is_the_kernels_choice_or_the_one_given() -> None:
    first = bind(Endpoint("tcp"))
    assert first.endpoint.port > 0
    assert first.socket.getsockname()[0] == "127.0.0.1"
    started = time.monotonic()
    with pytest.raises(StartError) as caught:
        bind(Endpoint("tcp", port=first.endpoint.port))
    assert caught.value.code == "PORT_IN_USE"
    assert time.monotonic() - started >= 1
    first.socket.close()
    bind(Endpoint("tcp", port=first.endpoint.port)).socket.close()


def test_a_port_that_becomes_free_within_a_second_is_taken() -> None:
    first = bind(Endpoint("tcp"))
    release = threading.Timer(0.2, first.socket.close)
    release.start()
    second = bind(Endpoint("tcp", port=first.endpoint.port))
    release.join()
    assert second.endpoint.port == first.endpoint.port
    second.socket.close()
