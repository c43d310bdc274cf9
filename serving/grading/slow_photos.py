"""Photos that are not quick to decode: it happens ahead of their item's turn, where it keeps nobody else from a core.

The threads here only wait for helper processes (`regrade.models.photos.files.helper`), which yield the cores to the
threads that look at photos. Items take turns, and no item has all threads, so that one of twelve slow photos does not
keep the next one waiting.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from regrade.models.photos.files.refusals import too_slow
from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.models.types import Photo
from regrade.serving.grading.admission import Ticket
from regrade.serving.grading.scheduler import Scheduler
from regrade.serving.telemetry import tracing
from regrade.serving.telemetry.timings import Interval


@dataclass(frozen=True, slots=True)
class Decoded:
    """A photo, and when (perf_counter) it was begun and decoded."""

    photo: Photo
    begun: float
    ended: float

    @property
    def work(self) -> Interval:
        return "decode", self.begun, self.ended


@dataclass(frozen=True, slots=True)
class Slow:
    """A photo's file that is not quick to decode, its place in the item and its hash."""

    index: int
    data: bytes
    sha256: str


class SlowPhotos:
    """Decodes at most `workers` photos of an item at once, on threads of its own, which end with `close`."""

    def __init__(self, workers: int) -> None:
        self._at_once = workers
        self._scheduler = Scheduler(workers + 1, "slow")

    def close(self) -> None:
        """Wait for the photos under way, which have bounds, and end the threads."""
        self._scheduler.close()

    async def decode(self, photos: Sequence[Slow], limits: IntakeLimits, ticket: Ticket) -> dict[int, Decoded]:
        """The decoded `photos` of an item, by place.

        Raises `PhotoError`, also for what is not decoded when the item must be answered; `BusyError` where nothing of
        it was begun by then; `UploadAborted` where its client has gone.
        """
        item = _Item(limits, ticket, time.monotonic() + ticket.answer_by - asyncio.get_running_loop().time())
        jobs = [tracing.carry(partial(item.decode, photo)) for photo in photos]
        decoded: list[Decoded] = []
        for first in range(0, len(jobs), self._at_once):
            decoded += await self._scheduler.run(jobs[first : first + self._at_once])
        ticket.decoded()
        return {one.photo.index: one for one in decoded}


class _Item:
    """The slow photos of one item. `until` (monotonic) is when it must be answered."""

    def __init__(self, limits: IntakeLimits, ticket: Ticket, until: float) -> None:
        self._limits = limits
        self._ticket = ticket
        self._until = until
        self._begun = False

    def decode(self, photo: Slow) -> Decoded:
        begun, left = time.perf_counter(), self._until - time.monotonic()
        if left <= 0 or self._ticket.gone:
            raise self._given_up(photo)
        self._begun = True
        with tracing.span("decode", photo=photo.index):
            opened = open_photo(photo.data, photo.index, self._limits, sha256=photo.sha256, patience=left)
        return Decoded(opened, begun, time.perf_counter())

    def _given_up(self, photo: Slow) -> Exception:
        if self._ticket.gone or not self._begun:
            return self._ticket.given_up()
        error = too_slow(self._ticket.wait)
        error.photo = photo.index
        return error
