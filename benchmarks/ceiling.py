"""The ceiling of a machine: decoding and grading alone, in fresh processes, without HTTP, hashing or a store.

    with Ceiling(photos, per_item=4, category="packaging", processes=2, threads=1) as ceiling:
        ceiling.measure(seconds=10).photos_per_s

Python's lock costs threads of one process a little and processes nothing, at twice the memory; which of the two makes
the ceiling is measured and not assumed.
"""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from regrade.models.grader import Grader
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo

NO_HASH = "0" * 64


@dataclass(frozen=True)
class Pace:
    """Photos per second of all workers together, and CPU seconds per photo."""

    photos_per_s: float
    cpu_s_per_photo: float


class Ceiling:
    """`processes` processes of `threads` threads each; each thread grades one item after the other while measured."""

    def __init__(
        self, photos: Sequence[bytes], per_item: int, category: str | None, processes: int, threads: int
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._workers = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            arguments = (theirs, list(photos), per_item, category, threads)
            self._workers.append((context.Process(target=_work, args=arguments, daemon=True), ours))

    def __enter__(self) -> Self:
        for process, _ in self._workers:
            process.start()
        for _, connection in self._workers:
            connection.recv()  # loaded and warm
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, connection in self._workers:
            if process.is_alive():
                connection.send(0.0)
            process.join()

    def measure(self, seconds: float) -> Pace:
        """All workers at once for `seconds`; each counts its whole items against its own clock."""
        for _, connection in self._workers:
            connection.send(seconds)
        spans = [span for _, connection in self._workers for span in connection.recv()]
        photos = sum(done for done, _, _ in spans)
        return Pace(sum(done / took for done, took, _ in spans), sum(cpu for _, _, cpu in spans) / photos)


def _work(
    connection: "Connection[list[tuple[int, float, float]] | None, float]",
    photos: list[bytes],
    per_item: int,
    category: str | None,
    threads: int,
) -> None:
    grader = Grader.load()
    grader.warm_up()
    connection.send(None)
    with ThreadPoolExecutor(threads) as pool:
        while seconds := connection.recv():
            running = [pool.submit(_grade, grader, photos, per_item, category, seconds, n) for n in range(threads)]
            connection.send([one.result() for one in running])


def _grade(
    grader: Grader, photos: list[bytes], per_item: int, category: str | None, seconds: float, first: int
) -> tuple[int, float, float]:
    """Photos of whole items, clock seconds and CPU seconds of this thread."""
    limits = replace(DEFAULT_LIMITS, working_side=grader.working_side)
    began, cpu, done = time.monotonic(), time.thread_time(), 0
    while (took := time.monotonic() - began) < seconds or not done:
        item = [photos[(first + done + n) % len(photos)] for n in range(per_item)]
        seen = [grader.look(open_photo(data, n, limits, sha256=NO_HASH), category) for n, data in enumerate(item)]
        grader.conclude(seen, category)
        done += per_item
    return done, took, time.thread_time() - cpu
