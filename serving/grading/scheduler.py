"""Shares the cores between items: their photos take turns, one of each item after the other.

An item of twelve large photos must not keep the next bench, with its single small one, waiting until all twelve are
done. Within an item photos start in order.

The threads take the next photo themselves. Were it handed to them by the event loop, each would first wait for the loop
to wake and for its turn at the interpreter: several milliseconds for every photo, a tenth of what the cores can do.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Batch:
    """The jobs of one item that have not begun, how many are at it, and what the others came to."""

    pending: deque[tuple[int, Callable[[], Any]]]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[None]"
    results: dict[int, Any] = field(default_factory=dict)
    failures: dict[int, BaseException] = field(default_factory=dict)
    running: int = 0

    def tell(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Scheduler:
    """Runs jobs on `workers` threads of its own, called after `name`, which end with `close`."""

    def __init__(self, workers: int, name: str = "look") -> None:
        self._change = threading.Condition()
        self._turns: deque[_Batch] = deque()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"{name}_{n}") for n in range(workers)]
        for thread in self._threads:
            thread.start()

    async def run(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """The results of `jobs`, in order, which ran side by side, taking turns with those of other calls.

        When one raises, those not begun are dropped, those begun are waited for, and the exception of the first in
        order is raised. When the caller is cancelled, those not begun are dropped.
        """
        if not jobs:
            return []
        loop = asyncio.get_running_loop()
        batch = _Batch(deque(enumerate(jobs)), loop, loop.create_future())
        with self._change:
            if self._closed:
                raise RuntimeError("the scheduler is closed")
            self._turns.append(batch)
            self._change.notify(len(jobs))
        try:
            await batch.done
        finally:
            with self._change:
                batch.pending.clear()
        if batch.failures:
            raise batch.failures[min(batch.failures)]
        return [batch.results[n] for n in range(len(jobs))]

    def close(self) -> None:
        """Drop the jobs that have not begun, wait for the others, and end the threads."""
        with self._change:
            self._closed = True
            self._turns.clear()
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            batch, number, job = taken
            try:
                result = job()
            except BaseException as error:
                self._end(batch, number, None, error)
                del error
            else:
                self._end(batch, number, result, None)
                del result
            # An idle thread must not keep the photos of the last item in memory.
            del taken, batch, job

    def _take(self) -> tuple[_Batch, int, Callable[[], Any]] | None:
        """The next job, once there is one; None when the scheduler is closed."""
        with self._change:
            while not self._closed:
                while self._turns:
                    batch = self._turns.popleft()
                    if not batch.pending:  # its caller has given up, or another job of it has failed
                        continue
                    number, job = batch.pending.popleft()
                    if batch.pending:
                        self._turns.append(batch)
                    batch.running += 1
                    return batch, number, job
                self._change.wait()
        return None

    def _end(self, batch: _Batch, number: int, result: Any, failure: BaseException | None) -> None:
        with self._change:
            batch.running -= 1
            if failure is None:
                batch.results[number] = result
            else:
                batch.failures[number] = failure
                batch.pending.clear()
            last = not batch.running and not batch.pending
        if last:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                batch.loop.call_soon_threadsafe(batch.tell)
