"""How late the event loop is: while it hangs, and when it is free again."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from typing import Any

import pytest

from axon_agent.heartbeat import LoopLag, open_files


class Loop:
    """An event loop that makes the calls that it is handed when the test says so, or at once."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []
        self.hangs = True

    def call_soon_threadsafe(self, call: Callable[[float], None], asked_at: float) -> None:
        self.calls.append(lambda: call(asked_at))
        if not self.hangs:
            self.calls[-1]()


def test_a_loop_that_hangs_has_the_age_of_its_oldest_call_and_one_that_is_free_again_is_asked_anew() -> None:
    loop: Any = Loop()
    lag = LoopLag(loop)
    first, second = lag.measure(), lag.measure()
    assert 500 <= first < second
    assert len(loop.calls) == 1
    # It comes back between two heartbeats: its lag has been told, and is over.
    loop.hangs = False
    loop.calls[0]()
    assert lag.measure() < first
    assert len(loop.calls) == 2


def test_descriptors_are_spent_where_too_few_are_left_to_take_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    count, are_spent = open_files()
    assert count is not None
    assert not are_spent
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for left, spent in [(4, False), (3, True), (0, True)]:
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=count + left: (soft, hard))
        assert open_files().are_spent is spent
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, hard))
    assert not open_files().are_spent


@pytest.mark.parametrize(("code", "spent"), [(errno.EMFILE, True), (errno.ENFILE, True), (errno.ENOENT, False)])
def test_descriptors_that_cannot_be_counted_are_spent_where_that_is_why(
    monkeypatch: pytest.MonkeyPatch, code: int, spent: bool
) -> None:
    def refuse(_: str) -> list[str]:
        raise OSError(code, "no")

    monkeypatch.setattr(os, "listdir", refuse)
    assert open_files() == (None, spent)
