"""How late the event loop is: while it hangs, and when it is free again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from axon_agent.heartbeat import LoopLag


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
