"""The control connection: receipts are in the kernel before they return, and a full channel stops no event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from channel import Ends

BIG = {"type": "heartbeat", "pad": "x" * 100_000}


@pytest.fixture
def ends() -> Iterator[Ends]:
    with Ends() as both:
        yield both


async def test_a_receipt_is_in_the_kernel_when_it_returns(ends: Ends) -> None:
    await ends.control.receipt("r1")
    assert ends.far.recv(1000, socket.MSG_DONTWAIT) == b'{"type":"started","run":"r1"}\n'


async def test_receipts_wait_while_the_channel_is_full_and_the_loop_goes_on(ends: Ends) -> None:
    ends.fill()
    waiting = [asyncio.ensure_future(ends.control.receipt(f"r{number}")) for number in range(5)]
    for _ in range(50):
        await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    told = [(await asyncio.to_thread(ends.frame))["run"] for _ in range(5)]
    await asyncio.gather(*waiting)
    assert sorted(told) == ["r0", "r1", "r2", "r3", "r4"]


async def test_a_frame_that_went_in_half_is_finished_before_any_other(ends: Ends) -> None:
    ends.control._lock.acquire()
    waiting = [asyncio.ensure_future(ends.control.receipt(f"r{number}")) for number in range(3)]
    await asyncio.sleep(0)
    # As if 7 bytes of a frame had gone in: others wait for the lock, its own rest must not wait for them.
    rest = asyncio.wrap_future(ends.control._later(b'{"type":"a"}\n', b'"a"}\n', None))
    await rest
    await asyncio.gather(*waiting)
    data = ends.far.recv(10_000)
    assert data.startswith(b'"a"}\n{"type":"started"')
    assert data.count(b"started") == 3


async def test_a_run_cancelled_while_it_waits_leaves_no_receipt(ends: Ends) -> None:
    ends.fill()
    # Another writer holds the lock, stuck in the full channel.
    stuck = asyncio.ensure_future(asyncio.to_thread(ends.control.tell, BIG))
    while not ends.control._lock.locked():  # noqa: ASYNC110 - a lock of threads has no event
        await asyncio.sleep(0)
    waiting = asyncio.ensure_future(ends.control.receipt("gone"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    after = asyncio.ensure_future(ends.control.receipt("next"))
    first = await asyncio.to_thread(ends.frame)
    assert first == BIG
    assert await asyncio.to_thread(ends.frame) == {"type": "started", "run": "next"}
    await asyncio.gather(stuck, after)


async def test_a_receipt_on_its_way_is_written_whole_when_its_run_is_cancelled(ends: Ends) -> None:
    ends.fill()
    is_sending = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Watched:
        """The socket, telling when a thread is about to wait in it."""

        send = ends.near.send

        def sendall(self, data: bytes) -> None:
            loop.call_soon_threadsafe(is_sending.set)
            ends.near.sendall(data)

    ends.control._socket = Watched()  # type: ignore[assignment]
    waiting = asyncio.ensure_future(ends.control.receipt("r1"))
    await is_sending.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    ends.control.settled("r1", 1)
    told = [await asyncio.to_thread(ends.frame) for _ in range(2)]
    assert told == [{"type": "started", "run": "r1"}, {"type": "settled", "run": "r1", "attempt": 1}]


async def test_frames_of_many_writers_never_mix(ends: Ends) -> None:
    def write(number: int) -> None:
        for step in range(20):
            ends.control.tell({"type": "x", "from": number, "step": step, "pad": "p" * 3000})

    writers = [asyncio.to_thread(write, number) for number in range(4)]
    receipts = [ends.control.receipt(f"r{number}") for number in range(20)]

    def read() -> list[Any]:
        return [ends.frame() for _ in range(100)]

    reading = asyncio.ensure_future(asyncio.to_thread(read))
    await asyncio.gather(*writers, *receipts)
    told = await reading
    for number in range(4):
        assert [frame["step"] for frame in told if frame.get("from") == number] == list(range(20))
    assert sum(frame["type"] == "started" for frame in told) == 20


def test_the_end_of_the_connection_is_told(ends: Ends) -> None:
    ends.control.listen(lambda frame: None)
    ends.far.shutdown(socket.SHUT_RDWR)
    assert ends.gone.wait(30)


def test_frames_arrive_whatever_their_pieces(ends: Ends) -> None:
    arrived: list[Any] = []
    all_there = threading.Event()

    def take(frame: Any) -> None:
        arrived.append(frame)
        if len(arrived) == 3:
            all_there.set()

    ends.control.listen(take)
    for piece in (b'{"type":"dr', b'ain"}\n{"type":"cancel","run":"r1"}\n{"ty', b'pe":"new"}\n'):
        ends.far.sendall(piece)
    assert all_there.wait(30)
    assert [frame["type"] for frame in arrived] == ["drain", "cancel", "new"]
    ends.far.shutdown(socket.SHUT_RDWR)
    assert ends.gone.wait(30)
