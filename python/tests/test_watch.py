"""What is seen of a tree: every process of it, wherever it was started, and memory that is shared only in part."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from axon_agent import memory, watch

SHARING = """
import os, sys, threading, time
held = b'x' * (96 * 2**20)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
def start():
    if os.fork() == 0:
        time.sleep(600)
    print('up', flush=True)
    time.sleep(600)
threading.Thread(target=start, daemon=True).start()
time.sleep(600)
"""


@pytest.fixture
def sharing() -> Iterator[int]:
    """A process with four children, one of them of a thread, that all hold the same 96 MiB."""
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", SHARING], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        try:
            yield process.pid
        finally:
            for pid in watch.tree(process.pid):
                os.kill(pid, signal.SIGKILL)


def test_a_tree_is_all_that_was_started_also_by_threads_and_in_other_sessions(sharing: int) -> None:
    tree = watch.tree(sharing)
    assert len(tree) == 5
    assert tree[sharing] == 2
    assert sum(tree.values()) == 6


def test_without_the_kernels_lists_of_children_the_tree_is_the_same(
    sharing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = watch.tree(sharing)
    monkeypatch.setattr(watch, "_TELLS_CHILDREN", False)
    assert watch.tree(sharing) == whole


@pytest.mark.parametrize(("mib", "is_beyond"), [(64, True), (300, False), (2000, False)])
def test_what_is_shared_counts_once(sharing: int, mib: int, is_beyond: bool) -> None:
    pids = list(watch.tree(sharing))
    assert sum(memory.resident_bytes(pid) or 0 for pid in pids) > 400 * 2**20
    assert watch.is_beyond(pids, mib * 2**20) is is_beyond


def test_a_process_that_has_gone_holds_nothing() -> None:
    assert watch.tree(2**22 + 1) == {}
    assert watch.is_beyond([2**22 + 1], 0) is False
