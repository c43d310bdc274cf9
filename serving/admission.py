"""How many inspections may be in the house, and how many bytes of theirs in memory.

A request is let in before its body is read, or turned away at once with the time after which to come back:
a server that accepts everything ends up serving nobody. It takes a place in the queue only once its body is
there: clients that send slowly, or stop, hold up nobody who has something to grade.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from regrade.serving.errors import BusyError
from regrade.serving.i18n import Message
from regrade.serving.settings import Settings


class Ticket:
    """One admitted request and the bytes that it holds."""

    def __init__(self, admission: "Admission", announced: int) -> None:
        self._admission = admission
        self._received = 0
        self.queued = False
        self.reserved = 0
        self._reserve(announced)

    def received(self, size: int) -> None:
        """Note `size` more bytes of the body. Raises `BusyError` when a body of unannounced length finds no room."""
        self._received += size
        if self._received > self.reserved:
            self._reserve(self._received - self.reserved)

    def enqueue(self) -> None:
        """Take a place in the queue, now that the body is there. Raises `BusyError` when there is none left."""
        self._admission.refuse_if_full()
        self._admission.uploads -= 1
        self._admission.requests += 1
        self.queued = True

    def _reserve(self, size: int) -> None:
        admission = self._admission
        if admission.bytes_in_flight + size > admission.max_bytes:
            raise BusyError("bytes", Message("problem.busy_bytes"), admission.retry_after())
        self.reserved += size
        admission.bytes_in_flight += size


class Admission:
    """The door. Belongs to one event loop and is only touched on it."""

    def __init__(self, settings: Settings) -> None:
        self.max_requests = settings.queue_limit
        self.max_uploads = settings.upload_limit
        self.max_bytes = settings.max_bytes_in_flight
        self.uploads = 0
        """Requests whose bodies are still coming in."""
        self.requests = 0
        """Requests that are being graded or wait for it."""
        self.bytes_in_flight = 0
        self._timeout = settings.queue_timeout
        self._graders = asyncio.Semaphore(settings.worker_count)
        self._parallel = settings.worker_count
        self._seconds = 1.0

    @contextmanager
    def enter(self, announced: int) -> Iterator[Ticket]:
        """Let a request in whose body is `announced` bytes long (0 if unknown). Raises `BusyError`.

        It counts as an upload until `Ticket.enqueue`, and as one of the queue from then on.
        """
        self.refuse_if_full()  # at once, before a body is sent in vain
        if self.uploads >= self.max_uploads:
            raise BusyError("uploads", Message("problem.busy_uploads", {"count": self.uploads}), self.retry_after())
        ticket = Ticket(self, announced)
        self.uploads += 1
        try:
            yield ticket
        finally:
            if ticket.queued:
                self.requests -= 1
            else:
                self.uploads -= 1
            self.bytes_in_flight -= ticket.reserved

    def refuse_if_full(self) -> None:
        """Raise `BusyError` when the queue has no place left."""
        if self.requests >= self.max_requests:
            message = Message("problem.busy_requests", {"count": self.requests})
            raise BusyError("requests", message, self.retry_after())

    @asynccontextmanager
    async def grader(self) -> AsyncIterator[None]:
        """Wait for a turn at the grader, in order of arrival. Raises `BusyError` after the queue timeout."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._graders.acquire()
        except TimeoutError:
            raise BusyError(
                "timeout", Message("problem.busy_timeout", {"waited": self._timeout}), self.retry_after()
            ) from None
        started = asyncio.get_running_loop().time()
        try:
            yield
            # A moving average over the last ten or so, from which the waiting time is guessed.
            self._seconds += 0.1 * (asyncio.get_running_loop().time() - started - self._seconds)
        finally:
            self._graders.release()

    def retry_after(self) -> int:
        """Whole seconds after which the requests now in the house should be done: from 1 to 60."""
        return max(1, min(60, math.ceil(self.requests * self._seconds / self._parallel)))
