"""Owns the life of a run in this process: admitted, receipted, started, ended; cancelled by Node, by the end of its
connection, by its deadline or by the end of the process. Knows nothing of HTTP beyond the answer it is given.

1. The kernel has the receipt before user code is called.
2. A run that must end is answered at once, whether or not its code lets itself be cancelled; it is in flight, and its
   id taken, until its code has ended. Then `settled` is told.
3. A cancel may arrive before its run: its id and attempt are remembered, and the run refused.
4. Every attempt that Node cancels or takes back is followed by `settled`: when its code has ended, at once where it is
   not here.
5. A task is cancelled once: a second reason leaves its cleanup alone, unless it is the process's own end.
6. Of an attempt that Node takes back, `is_known=False` is a promise: it does not run and will not begin. Where no
   receipt went before, its code never began.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from axon_agent.adapters import Call, Outcome, Runner
from axon_agent.answers import Answer
from axon_agent.errors import RunError
from axon_agent.logs import current_run
from axon_agent.request import RunHead
from axon_agent.tools import current_attempt
from axon_agent.tracing import Trace, enter

_REMEMBERED = 1024
_PROMISED = 16_384
_PROMISE_SECONDS = 600.0


class Receipts(Protocol):
    """What a run tells Node; `control.Control`, or `Nobody`."""

    async def receipt(self, run: str) -> None: ...

    def settled(self, run: str, attempt: int) -> None: ...

    def revoked(self, run: str, attempt: int, is_known: bool) -> None: ...


class Nobody:
    """Takes the place of Node where there is no control connection."""

    async def receipt(self, run: str) -> None:
        """Nobody keeps it."""

    def settled(self, run: str, attempt: int) -> None:
        """Nobody is told."""

    def revoked(self, run: str, attempt: int, is_known: bool) -> None:
        """Nobody asks."""


class Run:
    """One run. `reason` is set once it must end."""

    __slots__ = ("answer", "attempt", "has_started", "id", "is_running", "reason", "task", "timer", "trace")

    def __init__(self, head: RunHead, answer: Answer, trace: Trace | None) -> None:
        self.id = head.run
        self.trace = trace
        self.attempt = head.attempt
        self.answer = answer
        self.has_started = False
        self.is_running = False
        self.reason: RunError | None = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    async def tell_approval(self, data: dict[str, Any]) -> None:
        """Tells its caller that a person is asked."""
        await self.answer.approval(data)


class Runs:
    """All runs of one agent. For one event loop's thread."""

    def __init__(self, agent: str, runner: Runner, receipts: Receipts) -> None:
        self.agent = agent
        self.runner = runner
        self.is_draining = False
        self._receipts = receipts
        self._in_flight: dict[str, Run] = {}
        # Earlier attempts of a run in flight: they must end, and their code has not ended yet.
        self._superseded: set[Run] = set()
        # Up to which attempt a run that may come later is refused.
        self._cancelled: OrderedDict[str, int] = OrderedDict()
        self._revoked: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._answering: set[asyncio.Task[None]] = set()
        self._on_idle: Callable[[], None] | None = None

    @property
    def in_flight(self) -> int:
        """How many runs have code that has not ended. May be read from any thread."""
        return len(self._in_flight) + len(self._superseded)

    def check_open(self) -> None:
        """Raises `RunError` RUN_REJECTED while the process drains."""
        if self.is_draining:
            raise RunError("RUN_REJECTED", f"Agent {self.agent} is stopping and takes no more runs.")

    def start(self, head: RunHead, call: Call, answer: Answer, trace: Trace | None = None) -> Run:
        """Admits a run and starts its task; `RunError` where it is refused."""
        self.check_open()
        earlier = self._in_flight.get(head.run)
        if earlier is not None and earlier.attempt >= head.attempt:
            raise RunError("RUN_REQUEST_INVALID", f"Run {head.run} is in flight here already.", status=409)
        if (self._cancelled or self._revoked) and head.attempt <= self._refused_up_to(head.run):
            raise RunError("RUN_CANCELLED", f"Run {head.run} was cancelled before it came.")
        if head.deadline_ms is not None and head.deadline_ms <= 0:
            raise _timeout(head.run)
        run = Run(head, answer, trace)
        if earlier is not None:
            # Node has given it up; that it says so may come later than this.
            if earlier.reason is None:
                self._end(earlier, RunError("RUN_CANCELLED", f"Run {head.run} was sent again."))
            self._superseded.add(earlier)
        self._in_flight[run.id] = run
        loop = asyncio.get_running_loop()
        if head.deadline_ms is not None:
            run.timer = loop.call_later(head.deadline_ms / 1000, self._expire, run)
        run.task = loop.create_task(self._live(run, call))
        return run

    def cancel(self, run_id: str, attempt: int, *, has_come: bool = False) -> None:
        """Ends an attempt of a run, and those before it, for Node.

        One that is not here is refused when it comes, unless it `has_come` before.
        """
        run = self._in_flight.get(run_id)
        if run is not None and run.attempt <= attempt:
            self._end(run, RunError("RUN_CANCELLED", f"Run {run_id} was cancelled."))
        if self._attempt(run_id, attempt) is not None:
            return
        self._receipts.settled(run_id, attempt)
        if has_come:
            return
        self._cancelled[run_id] = max(attempt, self._cancelled.pop(run_id, 0))
        if len(self._cancelled) > _REMEMBERED:
            self._cancelled.popitem(last=False)

    def revoke(self, run_id: str, attempt: int) -> None:
        """Takes an attempt back for Node, whose connection for it broke: ends it, or sees to it that it never begins.

        Node is told which. Receipts go before on the same channel: of a run that has ended it knows.
        """
        found = self._attempt(run_id, attempt)
        if found is None:
            is_known = not self._promise(run_id, attempt)
            self._receipts.revoked(run_id, attempt, is_known)
            self._receipts.settled(run_id, attempt)
        else:
            # A task that has not begun sees the reason before its receipt.
            self._receipts.revoked(run_id, attempt, found.is_running)
            self._end(found, RunError("RUN_CANCELLED", f"Run {run_id} was cancelled: its connection ended."))

    def _attempt(self, run_id: str, attempt: int) -> Run | None:
        """The attempt, where its code has not ended."""
        run = self._in_flight.get(run_id)
        if run is not None and run.attempt == attempt:
            return run
        return next((run for run in self._superseded if run.id == run_id and run.attempt == attempt), None)

    def _refused_up_to(self, run_id: str) -> int:
        return max(self._cancelled.get(run_id, 0), self._revoked.get(run_id, (0, 0.0))[0])

    def _promise(self, run_id: str, attempt: int) -> bool:
        """Remembers to refuse an attempt; False where that is no more than a hope."""
        now = asyncio.get_running_loop().time()
        while self._revoked:
            oldest = next(iter(self._revoked))
            if now - self._revoked[oldest][1] < _PROMISE_SECONDS:
                break
            del self._revoked[oldest]
        if len(self._revoked) >= _PROMISED:
            return False
        self._revoked.pop(run_id, None)
        self._revoked[run_id] = (attempt, now)
        return True

    def disconnected(self, run: Run) -> None:
        """Ends a run whose caller has gone; nobody is answered."""
        run.answer.drop()
        self._end(run, RunError("RUN_CANCELLED", f"Run {run.id} was cancelled: its connection ended."))

    def interrupt(self) -> None:
        """Ends every run because the process stops."""
        for run in (*self._in_flight.values(), *self._superseded):
            message = f"Run {run.id} was interrupted: agent {self.agent} stopped before the run had ended."
            self._end(run, RunError("RUN_INTERRUPTED", message), again=True)

    def drain(self, on_idle: Callable[[], None]) -> None:
        """Refuses new runs; calls `on_idle` when no code runs and every answer has been written."""
        self.is_draining = True
        self._on_idle = on_idle
        self._tell_idle()

    def _expire(self, run: Run) -> None:
        self._end(run, _timeout(run.id))

    def _end(self, run: Run, reason: RunError, *, again: bool = False) -> None:
        is_first = run.reason is None
        if is_first:
            run.reason = reason
            if not run.answer.is_ended:
                # Not from the run's own task: its code may hold on to the cancellation for as long as it likes.
                answering = asyncio.get_running_loop().create_task(self._fail(run, reason))
                self._answering.add(answering)
                answering.add_done_callback(self._answered)
        # A task that has not begun is not cancelled, since it would never reach its own end.
        if (is_first or again) and run.is_running and run.task is not None:
            run.task.cancel()

    async def _live(self, run: Run, call: Call) -> None:
        run.is_running = True
        current_run.set(run.id)
        current_attempt.set(run)
        if run.trace is not None:
            enter(run.trace)
        answer = run.answer
        error: RunError | None = None
        outcome: Outcome | None = None
        try:
            if run.reason is None:
                await self._receipts.receipt(run.id)
                run.has_started = True
                await answer.begin(run.id)
                outcome = await self.runner.run(call, answer.emit)
        except RunError as raised:
            error = raised
        except BaseException as raised:
            # SystemExit too: it would end the event loop and with it every other run.
            error = RunError.raised(raised)
        run.is_running = False
        self._forget(run)
        if run.reason is not None:
            return
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        task.add_done_callback(self._answered)
        if outcome is not None:
            await answer.result(outcome)
        else:
            assert error is not None
            await self._fail(run, error)

    async def _fail(self, run: Run, error: RunError) -> None:
        body = error.body(self.agent, run.id, started=run.has_started, attempt=run.attempt)
        await run.answer.fail(error, body)

    def _forget(self, run: Run) -> None:
        # The task's context holds the run: the circle would cost every run a part of a collection.
        run.task = None
        if run.timer is not None:
            run.timer.cancel()
        if self._in_flight.get(run.id) is run:
            del self._in_flight[run.id]
        else:
            self._superseded.discard(run)
        if run.has_started or run.reason is not None:
            self._receipts.settled(run.id, run.attempt)
        self._tell_idle()

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._tell_idle()

    def _tell_idle(self) -> None:
        if self._on_idle is not None and not self.in_flight and not self._answering:
            self._on_idle()


def _timeout(run_id: str) -> RunError:
    return RunError("RUN_TIMEOUT", f"Run {run_id} did not end within its deadline.")
