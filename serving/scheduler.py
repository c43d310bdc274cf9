"""Shares the cores between items: their photos take turns, one of each item after the other.

An item of twelve large photos must not keep the next bench, with its single small one, waiting until all twelve are
done. Within an item photos start in order.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Batch:
    """The jobs of one item that have not begun, how many are at it, and what the others came to."""

    pending: deque[tuple[int, Callable[[], Any]]]
    results: dict[int, Any] = field(default_factory=dict)
    failures: dict[int, BaseException] = field(default_factory=dict)
    running: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Scheduler:
    """Runs jobs on `workers` threads. Belongs to one event loop; only the jobs run on the threads."""

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="look")
        self._idle = workers
        self._turns: deque[_Batch] = deque()

    async def run(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """The results of `jobs`, in order, which ran side by side, taking turns with those of other calls.

        When one raises, those not begun are dropped, those begun are waited for, and the exception of the first in
        order is raised. When the caller is cancelled, those not begun are dropped.
        """
        if not jobs:
            return []
        batch = _Batch(deque(enumerate(jobs)))
        self._turns.append(batch)
        self._start()
        try:
            await batch.done.wait()
        finally:
            batch.pending.clear()
        if batch.failures:
            raise batch.failures[min(batch.failures)]
        return [batch.results[n] for n in range(len(jobs))]

    def close(self) -> None:
        """Wait for the jobs that have begun and end the threads."""
        self._threads.shutdown()

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        while self._idle and self._turns:
            batch = self._turns.popleft()
            if not batch.pending:
                continue
            number, job = batch.pending.popleft()
            if batch.pending:
                self._turns.append(batch)
            self._idle -= 1
            batch.running += 1
            running = loop.run_in_executor(self._threads, job)
            running.add_done_callback(partial(self._end, batch, number))

    def _end(self, batch: _Batch, number: int, ended: "asyncio.Future[Any]") -> None:
        self._idle += 1
        batch.running -= 1
        error = ended.exception()
        if error is None:
            batch.results[number] = ended.result()
        else:
            batch.failures[number] = error
            batch.pending.clear()
        if not batch.running and not batch.pending:
            batch.done.set()
        self._start()
