"""Photos that are not quick to decode: it happens ahead of their item's turn, where it keeps nobody else from a core.

The threads here only wait for helper processes (`regrade.models.photos.files.helper`), which yield the cores to the
threads that look at photos. Items take turns, and no item has all threads, so that one of twelve slow photos does not
keep the next one waiting.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from regrade.models.photos.files.refusals import too_slow
from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.models.types import Photo
from regrade.serving.grading.admission import Ticket
from regrade.serving.grading.scheduler import Scheduler
from regrade.serving.telemetry.item_clock import ItemClock, below


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo's file, as it was sent, and its hash."""

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

    async def decode(
        self, files: Mapping[int, PhotoFile], limits: IntakeLimits, ticket: Ticket, clock: ItemClock
    ) -> dict[int, Photo]:
        """The decoded photos of an item, by place, as `files` are.

        Raises `PhotoError`, also for what is not decoded when the item must be answered; `BusyError` where nothing of
        it was begun by then; `UploadAborted` where its client has gone.
        """
        until = time.monotonic() + ticket.answer_by - asyncio.get_running_loop().time()
        item = _SlowItem(limits, ticket, clock, until)
        jobs = [below("wait", item.decode, index, file, photo=index) for index, file in files.items()]
        decoded: list[Photo] = []
        for first in range(0, len(jobs), self._at_once):
            decoded += await self._scheduler.run(jobs[first : first + self._at_once])
        ticket.decoded()
        return {photo.index: photo for photo in decoded}


class _SlowItem:
    """The slow photos of one item. `until` (monotonic) is when it must be answered."""

    def __init__(self, limits: IntakeLimits, ticket: Ticket, clock: ItemClock, until: float) -> None:
        self._limits = limits
        self._ticket = ticket
        self._clock = clock
        self._until = until
        self._begun = False

    def decode(self, index: int, file: PhotoFile) -> Photo:
        left = self._until - time.monotonic()
        if left <= 0 or self._ticket.gone:
            raise self._given_up(index)
        self._begun = True
        with self._clock.piece("decode", "decode"):
            return open_photo(file.data, index, self._limits, sha256=file.sha256, patience=left)

    def _given_up(self, index: int) -> Exception:
        if self._ticket.gone or not self._begun:
            return self._ticket.given_up()
        error = too_slow(self._ticket.wait)
        error.photo = index
        return error
