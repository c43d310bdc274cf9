"""How much work is taken on: whatever could not be answered in time is turned away at once.

A request is let in before its body is read, or turned away with the time after which to come back: a server that
accepts everything ends up serving nobody. Once its body is there, its work is estimated; an item joins the line only
if all that is before it and itself can be done within its deadline. Clients that send slowly, or stop, hold up nobody
who has something to grade.

The line is first come, first served. Its first few items are active: their photos share the cores. The deadline says
how long somebody waits at the bench, counted from the moment at which the whole request was there, as RFC 7240 counts
`Prefer: wait`. On an idle server there is nothing to wait for, so an item is taken whatever its size: it would take as
long at any later time, and a refusal could never tell when to come back.
"""

import asyncio
import math
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from regrade.serving.base.errors import BusyError, UploadAborted
from regrade.serving.base.i18n import Message
from regrade.serving.base.settings import Settings
from regrade.serving.grading.workload import CostModel, Work

KEY_SHARE = 0.5
"""Of the slots for bodies that come in, and of the memory for them: what one key may hold."""
_DRAINING_SECONDS = 10
"""After which a client of a server that is going away is sent to the next one."""


class Ticket:
    """One admitted request: the bytes that it holds, and its work once that is known."""

    def __init__(self, admission: "Admission", announced: int, wait: float, replay: bool, key_id: str) -> None:
        self._admission = admission
        self.key_id = key_id
        self._replay = replay
        self._received = 0
        self._unwritten = 0
        self.wait = wait
        """Seconds within which it must be answered, once its body is there."""
        self.entered = False
        """Whether it counts as an upload of its key."""
        self.queued = False
        self.reserved = 0
        self.work = Work(0, 0.0, 0)
        self.estimate = 0.0
        """Core-seconds that its work was expected to take."""
        self.slow = 0.0
        """Those that decoding its slow photos is expected to take yet."""
        self.answer_by = 0.0
        """The end of `wait` on the event loop's clock."""
        self._spent = 0.0
        self._place: asyncio.Future[None] | None = None
        self.gone = False
        """Whether its client has gone."""
        self._reserve(announced)

    @property
    def remaining(self) -> float:
        """Core-seconds of its work that are still to be done, as far as is known."""
        return max(0.0, self.estimate - self._spent)

    def received(self, size: int) -> None:
        """Note `size` more bytes of the body. Raises `BusyError` or `StorageError` when a body of unannounced length
        finds no room."""
        self._received += size
        if self._received > self.reserved:
            self._reserve(self._received - self.reserved)

    def hold(self, size: int) -> None:
        """Set memory aside for `size` bytes of photos that are read from the store, beside the body. Raises `BusyError`
        where there is none."""
        admission = self._admission
        if admission.bytes_in_flight + size > admission.max_bytes and admission.bytes_in_flight > self.reserved:
            raise BusyError("bytes", Message("problem.busy_bytes"), admission.until_freed())
        self.reserved += size
        admission.bytes_in_flight += size
        if not self.queued:
            admission.bytes_of[self.key_id] += size

    def enqueue(self, work: Work) -> None:
        """Join the line, now that the body is there. Raises `BusyError` when it could not be answered in time."""
        admission = self._admission
        estimate, slow = admission.costs.estimate(work), admission.costs.estimate_slow(work)
        admission.refuse_if_late(estimate, self.wait)
        admission.refuse_if_slow(slow, self.wait)
        self.work, self.estimate, self.slow = work, estimate, slow
        self.answer_by = asyncio.get_running_loop().time() + self.wait
        self.queued = True
        admission.leave_upload(self)
        admission.requests += 1
        admission.pending.add(self)

    def spent(self, core_seconds: float) -> None:
        """Note what its photos have really cost: all at once, or one photo after the other. Call it on the event loop.

        Photos that were not looked at to the end (another one was refused) teach nothing: leave them out.
        """
        self._spent += core_seconds

    def decoded(self) -> None:
        """Its slow photos are decoded."""
        self.slow = 0.0

    def written(self) -> None:
        """Its photos are on the disk: they count no longer as what is still to be written there."""
        self._admission.unwritten -= self._unwritten
        self._unwritten = 0

    def leave(self) -> None:
        """The client has gone: give up the place in the line. What is being looked at already is finished."""
        self.gone = True
        if self._place is not None and not self._place.done():
            self._place.set_exception(_gone())

    def given_up(self) -> BusyError | UploadAborted:
        """Why nothing more is done for it: its client has gone, or its time has passed."""
        if self.gone:
            return _gone()
        again = self._admission.retry_after(self.estimate, self.wait)
        return BusyError("timeout", Message("problem.busy_timeout", {"waited": round(self.wait, 1)}), again)

    async def _take_turn(self) -> None:
        if self.gone:
            raise _gone()
        loop = asyncio.get_running_loop()
        place = self._place = loop.create_future()
        self._admission.line.append(place)
        timer = loop.call_at(self.answer_by, self._expire)
        self._admission.next()
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._admission.give_back()  # cancelled in the moment in which it got its turn
            raise
        finally:
            timer.cancel()

    def _expire(self) -> None:
        if self._place is not None and not self._place.done():
            self._place.set_exception(self.given_up())

    def _learn(self) -> None:
        if self._spent > 0:
            self._admission.costs.learn(self.work, self._spent)

    def _reserve(self, size: int) -> None:
        admission = self._admission
        admission.refuse_if_greedy(self.key_id, size, self)
        if admission.bytes_in_flight + size > admission.max_bytes:
            raise BusyError("bytes", Message("problem.busy_bytes"), admission.until_freed())
        if not self._replay:
            admission.refuse_if_full(size)
            self._unwritten += size
            admission.unwritten += size
        self.reserved += size
        admission.bytes_in_flight += size
        if not self.queued:
            admission.bytes_of[self.key_id] += size


class Admission:
    """Admits items, or refuses them. Belongs to one event loop and is only touched on it."""

    def __init__(self, settings: Settings, refuse_if_full: Callable[[int], None] = lambda size: None) -> None:
        self.refuse_if_full = refuse_if_full
        """Raises `StorageError` where the disk has no room for so many bytes."""
        self.max_requests = settings.queue_limit
        self.max_uploads = settings.upload_limit
        self.max_bytes = settings.max_bytes_in_flight
        self.deadline = settings.deadline
        self.window = settings.window
        self.workers = settings.worker_count
        self.costs = CostModel()
        self.closed = False
        """Whether the service is going away: those admitted are served, and nobody else is."""
        self.uploads = 0
        """Requests whose bodies are still coming in, or whose answers are looked up."""
        self.uploads_of: Counter[str] = Counter()
        self.bytes_of: Counter[str] = Counter()
        """Those of each key, and the bytes set aside for their bodies."""
        self.requests = 0
        """Requests that are being graded or wait for it."""
        self.active = 0
        """Those of them whose photos share the cores."""
        self.bytes_in_flight = 0
        self.unwritten = 0
        """Those of them that are still to be written to the disk."""
        self.pending: set[Ticket] = set()
        """Tickets whose photos are not all looked at yet."""
        self.line: deque[asyncio.Future[None]] = deque()

    @property
    def backlog(self) -> float:
        """Core-seconds of work that was let in and is not done."""
        return sum(ticket.remaining for ticket in self.pending)

    @property
    def predicted_wait(self) -> float:
        """Seconds until all that was admitted will have been looked at."""
        return self.backlog / self.workers

    @property
    def empty(self) -> bool:
        """Whether nothing that was admitted is under way."""
        return self.uploads + self.requests == 0

    @contextmanager
    def enter(
        self,
        announced: int,
        wait: float | None = None,
        *,
        replay: bool = False,
        key_id: str = "",
        graded: bool = True,
        stored: bool = True,
    ) -> Iterator[Ticket]:
        """Let a request in whose body is `announced` bytes long (0 if unknown). Raises `BusyError` or `StorageError`.

        `wait` is how many seconds its client will wait for the answer, the setting when None. A `replay`, which was
        stored before and only needs to be looked up, is let in however much there is to grade and however full the
        disk is; one of which nothing will be `graded`, however much there is to grade; one of which nothing will be
        `stored`, however full the disk is. A request counts as an upload
        until `Ticket.enqueue`, and as one of the queue from then on; `key_id` is whose it is, empty where nobody counts
        that.
        """
        wait = self.deadline if wait is None else wait
        if self.closed:
            raise draining()
        if graded and not replay:
            self.refuse_if_late(self.at_least(announced), wait)  # at once, before a body is sent in vain
        if self.uploads >= self.max_uploads:
            raise BusyError("uploads", Message("problem.busy_uploads", {"count": self.uploads}), self.until_freed())
        ticket = Ticket(self, announced, wait, replay or not stored, key_id)
        self.uploads += 1
        self.uploads_of[key_id] += 1
        ticket.entered = True
        try:
            yield ticket
        finally:
            self.pending.discard(ticket)
            if ticket.queued:
                self.requests -= 1
            else:
                self.leave_upload(ticket)
            self.bytes_in_flight -= ticket.reserved
            ticket.written()

    @asynccontextmanager
    async def turn(self, ticket: Ticket) -> AsyncIterator[None]:
        """Wait for a queued ticket's turn, in order of arrival; within, its photos are looked at.

        Raises `BusyError` when its deadline passes first, and `UploadAborted` when its client goes away first. The
        turn ends with the looking: storing waits for the disk, and the next item need not.
        """
        await ticket._take_turn()
        try:
            yield
            ticket._learn()
        finally:
            self.pending.discard(ticket)
            self.give_back()

    def leave_upload(self, ticket: Ticket) -> None:
        """Its body is there, or it is given up."""
        self.uploads -= 1
        self.uploads_of[ticket.key_id] -= 1
        self.bytes_of[ticket.key_id] -= ticket.reserved
        if not self.uploads_of[ticket.key_id]:
            del self.uploads_of[ticket.key_id], self.bytes_of[ticket.key_id]

    def refuse_if_greedy(self, key_id: str, size: int, ticket: Ticket) -> None:
        """Raise `BusyError` where bodies of one key would hold more than their share of the slots, or of the memory.

        A client that announces bodies and does not send them holds up itself, and nobody else. One body is always let
        in, however large.
        """
        others = self.uploads_of[key_id] - ticket.entered
        slots = max(1, int(self.max_uploads * KEY_SHARE))
        memory = self.bytes_of[key_id] + size > self.max_bytes * KEY_SHARE
        if key_id and (others >= slots or (others and memory)):
            raise BusyError("key", Message("problem.busy_key", {"count": others}), self.until_freed())

    def refuse_if_late(self, estimate: float, wait: float) -> None:
        """Raise `BusyError` where a work of `estimate` core-seconds has no place or not the time: `wait` seconds."""
        if self.requests >= self.max_requests:
            message = Message("problem.busy_requests", {"count": self.requests})
            raise BusyError("requests", message, max(self.until_freed(), self.retry_after(estimate, wait)))
        if self.pending and (self.backlog + estimate) / self.workers > wait:
            params = {"waited": round(wait, 1), "needed": math.ceil((self.backlog + estimate) / self.workers)}
            message = Message("problem.busy_deadline", params)
            raise BusyError("deadline", message, self.retry_after(estimate, wait))

    def refuse_if_slow(self, estimate: float, wait: float) -> None:
        """Raise `BusyError` where slow photos of `estimate` core-seconds have not the time beside those of others.

        Items take turns: until one is done, each other one has had as much as itself, or all that it wants.
        """
        before = sum(min(ticket.slow, estimate) for ticket in self.pending)
        needed = (before + estimate) / self.workers
        if estimate and before and needed > wait:
            params = {"waited": round(wait, 1), "needed": math.ceil(needed)}
            again = max(1, math.ceil(needed - wait))
            raise BusyError("deadline", Message("problem.busy_deadline", params), again)

    def at_least(self, announced: int) -> float:
        """The fewest core-seconds that a body of `announced` bytes can take."""
        return self.costs.estimate(Work(1, 0.0, announced))

    def retry_after(self, estimate: float, wait: float) -> int:
        """Whole seconds, 1 or more, until a work of `estimate` core-seconds can be done within `wait` seconds."""
        # What alone takes longer than it may is taken when nothing else is there.
        room = max(0.0, wait * self.workers - estimate)
        return max(1, math.ceil((self.backlog - room) / self.workers))

    def until_freed(self) -> int:
        """Whole seconds, 1 or more, until the next of those admitted should be done."""
        return max(1, math.ceil(self.predicted_wait / max(len(self.pending), 1)))

    def next(self) -> None:
        """Give turns to the first in the line for whom there is a place."""
        while self.line and self.active < self.window:
            place = self.line.popleft()
            if not place.done():  # else it has left the line
                self.active += 1
                place.set_result(None)

    def give_back(self) -> None:
        """End a turn."""
        self.active -= 1
        self.next()


def draining() -> BusyError:
    """The refusal of a service that is about to end."""
    return BusyError("draining", Message("problem.draining"), _DRAINING_SECONDS)


def _gone() -> UploadAborted:
    return UploadAborted("The client went away before its item was looked at; nothing was stored.")
