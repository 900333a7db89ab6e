"""Owns the life of a run in this process: admitted, receipted, started, ended; cancelled by Node, by the end of its
connection, by its deadline or by the end of the process. Knows nothing of HTTP beyond the answer it is given.

1. The kernel has the receipt before user code is called.
2. A run that must end is answered at once, whether or not its code lets itself be cancelled; it is in flight, and its
   id taken, until its code has ended. Then `settled` is told.
3. A cancel may arrive before its run: the id is remembered, and the run refused.
4. Every cancel of Node's is followed by `settled`: when the run's code has ended, at once where it is not here.
5. A task is cancelled once: a second reason leaves its cleanup alone, unless it is the process's own end.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from axon_agent.adapters import Call, Outcome, Runner
from axon_agent.answers import Answer
from axon_agent.errors import RunError
from axon_agent.logs import current_run
from axon_agent.request import RunHead

_REMEMBERED = 1024


class Receipts(Protocol):
    """What a run tells Node; `control.Control`, or nobody."""

    async def receipt(self, run: str) -> None: ...

    def settled(self, run: str) -> None: ...


class Run:
    """One run. `reason` is set once it must end."""

    __slots__ = ("answer", "attempt", "has_started", "id", "is_running", "reason", "task", "timer")

    def __init__(self, head: RunHead, answer: Answer) -> None:
        self.id = head.run
        self.attempt = head.attempt
        self.answer = answer
        self.has_started = False
        self.is_running = False
        self.reason: RunError | None = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Runs:
    """All runs of one agent. For one event loop's thread."""

    def __init__(self, agent: str, runner: Runner, receipts: Receipts) -> None:
        self.agent = agent
        self.runner = runner
        self.is_draining = False
        self._receipts = receipts
        self._in_flight: dict[str, Run] = {}
        self._cancelled: OrderedDict[str, None] = OrderedDict()
        self._answering: set[asyncio.Task[None]] = set()
        self._on_idle: Callable[[], None] | None = None

    @property
    def in_flight(self) -> int:
        """How many runs have code that has not ended. May be read from any thread."""
        return len(self._in_flight)

    def check_open(self) -> None:
        """Raises `RunError` RUN_REJECTED while the process drains."""
        if self.is_draining:
            raise RunError("RUN_REJECTED", f"Agent {self.agent} is stopping and takes no more runs.")

    def start(self, head: RunHead, call: Call, answer: Answer) -> Run:
        """Admits a run and starts its task; `RunError` where it is refused."""
        self.check_open()
        if head.run in self._in_flight:
            raise RunError("RUN_REQUEST_INVALID", f"Run {head.run} is in flight here already.", status=409)
        if head.run in self._cancelled:
            raise RunError("RUN_CANCELLED", f"Run {head.run} was cancelled before it came.")
        if head.deadline_ms is not None and head.deadline_ms <= 0:
            raise _timeout(head.run)
        run = Run(head, answer)
        self._in_flight[run.id] = run
        loop = asyncio.get_running_loop()
        if head.deadline_ms is not None:
            run.timer = loop.call_later(head.deadline_ms / 1000, self._expire, run)
        run.task = loop.create_task(self._live(run, call))
        return run

    def cancel(self, run_id: str, *, has_come: bool = False) -> None:
        """Ends a run for Node. One that is not here is refused when it comes, unless it `has_come` before."""
        run = self._in_flight.get(run_id)
        if run is not None:
            self._end(run, RunError("RUN_CANCELLED", f"Run {run_id} was cancelled."))
            return
        self._receipts.settled(run_id)
        if has_come:
            return
        self._cancelled[run_id] = None
        if len(self._cancelled) > _REMEMBERED:
            self._cancelled.popitem(last=False)

    def disconnected(self, run: Run) -> None:
        """Ends a run whose caller has gone; nobody is answered."""
        run.answer.drop()
        self._end(run, RunError("RUN_CANCELLED", f"Run {run.id} was cancelled: its connection ended."))

    def interrupt(self) -> None:
        """Ends every run because the process stops."""
        for run in list(self._in_flight.values()):
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
        if run.timer is not None:
            run.timer.cancel()
        del self._in_flight[run.id]
        if run.has_started or run.reason is not None:
            self._receipts.settled(run.id)
        self._tell_idle()

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._tell_idle()

    def _tell_idle(self) -> None:
        if self._on_idle is not None and not self._in_flight and not self._answering:
            self._on_idle()


def _timeout(run_id: str) -> RunError:
    return RunError("RUN_TIMEOUT", f"Run {run_id} did not end within its deadline.")
