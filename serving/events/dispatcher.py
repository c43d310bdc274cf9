"""The thread that delivers: it puts what happened on its way, sends what is due, and writes down what came of it.

Each webhook has a few connections of its own, so one that is slow or down holds up no other. What came of attempts is
written a few times a second, in one transaction with all else there is to write: decisions hardly wait for it.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final, ParamSpec, TypeVar

from sqlalchemy import Row

from regrade.models.errors import RegradeError
from regrade.serving.events.adapters.shelf import Shelf
from regrade.serving.events.attempts import Attempts, Reach, Told
from regrade.serving.events.endpoints import Endpoint, endpoint_of
from regrade.serving.events.line import Line
from regrade.serving.events.log import EventLog
from regrade.serving.events.queue import HOLD, Alias, Queue, Result, Schedule, Standing, lane_of
from regrade.serving.events.sender import Answer
from regrade.serving.events.signing import Secrets
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import new_id

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("regrade")

EVERY: Final = 0.5
"""Seconds from one look at what happened to the next, where nothing is on its way."""
BUSY: Final = 0.2
"""The same while something is."""
AT_ONCE: Final = 8
OF_SELLERS: Final = 2
"""Attempts under way at once for one webhook, and for one of a seller's; one where its receiver has failed."""
BATCH: Final = 64
"""Deliveries that are taken up for a webhook at once."""
SWEEP: Final = 60.0
TIDY: Final = 3600.0
"""Seconds from one look for what has waited too long to the next, and for what is older than it is kept."""


class Dispatcher:
    """Delivers events to webhooks while it runs. `alone`: no other process can be sending for this database; `days`:
    how long events are kept; `count` is told `delivered`, `failed` or `dead` of each attempt."""

    def __init__(
        self,
        database: Database,
        secrets: Secrets,
        reach: Reach,
        *,
        alone: bool,
        days: float,
        shelf: Shelf | None = None,
        alias: Alias | None = None,
        count: Callable[[str], None] = lambda outcome: None,
        schedule: Schedule | None = None,
        seconds: float | None = None,
    ) -> None:
        self._schedule = schedule or Schedule()
        self._queue, self._log = Queue(database, self._schedule, alias), EventLog(database)
        self._alone, self._days, self._count = alone, timedelta(days=days), count
        self._holder = new_id()
        self._attempts = Attempts(
            database, secrets, reach, self._call, self._holder, shelf=shelf, alias=alias, seconds=seconds
        )
        self._over = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="webhooks")
        self._lines: dict[str, Line] = {}
        self._results: list[Result] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._tidied_at = self._swept_at = time.monotonic()

    def start(self, told: Told) -> None:
        """Begin; `told` says what is sent of an event."""
        self._attempts.told = told
        self._thread.start()

    def stop(self) -> None:
        """End: what is under way is sent again by whoever sends next, unless it arrives within a moment."""
        self._over.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()
        self._threads.shutdown()

    def wake(self) -> None:
        """Look at once at what there is to do; from any thread."""
        loop, wake = self._loop, self._wake
        if loop is not None and wake is not None and not loop.is_closed():
            loop.call_soon_threadsafe(wake.set)

    async def ping(self, endpoint: Endpoint, event_id: str, body: bytes) -> Answer:
        """Send something to a webhook at once, signed, apart from what is on its way; from any event loop."""
        assert self._loop is not None
        sending = self._attempts.signed(endpoint, event_id, body)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(sending, self._loop))

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        if self._alone:
            await self._safely(self._call(self._queue.release_all))
        while not self._over.is_set():
            busy = await self._safely(self._round())
            self._wake.clear()
            try:
                async with asyncio.timeout(BUSY if busy else EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._safely(self._turn())
        await self._safely(self._call(self._queue.let_go, self._holder))
        await self._attempts.close()

    async def _safely(self, doing: Any) -> bool:
        """Nobody waits for it, and the next time may do better, such as once a database is back."""
        try:
            return bool(await doing)
        except RegradeError as error:
            log.warning("webhooks wait: %s", error)
        except Exception:
            log.exception("webhooks wait; it is tried again")
        return False

    async def _round(self) -> bool:
        """Write down and take up what there is; returns whether there is more to do soon."""
        now = datetime.now(UTC)
        rows, head = await self._call(self._queue.standing)
        others = [row for row in rows if row.held_by != self._holder and row.held_until and row.held_until > now]
        own = [row for row in rows if row not in others]
        soon = now + HOLD / 2
        stale = any(row.held_by != self._holder or row.held_until < soon or row.position < head for row in own)
        more = False
        if stale or self._results or self._standings():
            more = await self._turn()
            rows, _ = await self._call(self._queue.standing)
        self._know([row for row in rows if row.held_by == self._holder])
        for line in list(self._lines.values()):
            if not (line.idle or line.stopped) and (line.resume_at is None or line.resume_at <= now):
                await self._take_up(line, now)
        if time.monotonic() - self._tidied_at > TIDY:
            self._tidied_at = time.monotonic()
            await self._call(self._log.forget, now - self._days)
        if time.monotonic() - self._swept_at > SWEEP:
            self._swept_at = time.monotonic()
            await self._call(self._queue.give_up, now)
        return more or bool(self._tasks) or bool(self._results)

    def _know(self, rows: list[Row[Any]]) -> None:
        """Bring what is known of the webhooks that are sent for here in line with what is stored."""
        now = datetime.now(UTC)
        for row in rows:
            found, line = endpoint_of(row, now), self._lines.get(row.id)
            if line is None:
                free = asyncio.Semaphore(AT_ONCE if found.owner is None else OF_SELLERS)
                self._lines[row.id] = Line(found, set(), found.failures, found.resume_at, free)
            else:
                line.endpoint, line.idle = found, False
                if line.standing is None:  # else it is newer than what is stored
                    line.failures, line.resume_at, line.stopped = found.failures, found.resume_at, False
        for gone in self._lines.keys() - {row.id for row in rows}:
            self._lines[gone].idle = True
            if not self._lines[gone].flying:
                del self._lines[gone]

    def _standings(self) -> list[Standing]:
        return [line.standing for line in self._lines.values() if line.standing is not None]

    async def _turn(self) -> bool:
        results, self._results = self._results, []
        standings = self._standings()
        try:
            more = await self._call(self._queue.turn, self._holder, datetime.now(UTC), results, standings)
        except BaseException:
            self._results = results + self._results
            raise
        for line in self._lines.values():
            if line.standing in standings:
                line.standing = None
        for one in results:
            if (done := self._lines.get(one.webhook_id)) is not None:
                done.flying.discard(lane_of(one))
        return more

    async def _take_up(self, line: Line, now: datetime) -> None:
        limit = (BATCH if line.failures == 0 else 1) - len(line.flying)
        if limit <= 0:
            return
        rows = await self._call(self._queue.due, line.endpoint.id, now, limit, frozenset(line.flying))
        line.flying |= {lane_of(row) for row in rows}
        most = await self._attempts.most(line.endpoint) if rows else 1
        for start in range(0, len(rows), most):
            task = asyncio.create_task(self._attempt(line, rows[start : start + most]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _attempt(self, line: Line, rows: Sequence[Row[Any]]) -> None:
        answers: dict[int, Answer] = {}
        try:
            async with line.waiting:
                answers = await self._attempts.sent(line, rows)
        except RegradeError as error:
            log.warning("a webhook waits: %s", error)
        except Exception:
            log.exception("a webhook waits; it is tried again")
        failed = line.failures
        for row in rows:
            if row.number in answers:
                self._note(line, row, answers[row.number])
                line.failures = min(line.failures, failed + 1)  # it was one attempt, of however many
            else:
                line.flying.discard(lane_of(row))

    def _note(self, line: Line, row: Row[Any], answer: Answer) -> None:
        """Decide what follows from an attempt; it is written down with the next turn."""
        result = line.noted(row, answer, self._schedule, datetime.now(UTC))
        self._results.append(result)
        again = result.next_at is not None
        self._count("delivered" if answer.error is None else "failed" if again else "dead")

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))
