"""From an upload to a stored inspection: intake → grader → policy → store. Free of HTTP.

What happens to one item is in `item_grading`. Here is what comes before: the item is read, and an item that came before
under the same idempotency key is not graded again.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from regrade.models.grader import Grader
from regrade.models.photos.intake import IntakeLimits
from regrade.serving.base.canonical import canonical_json
from regrade.serving.base.errors import ErasedError, IdempotencyConflictError, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.grading.admission import Admission, Ticket
from regrade.serving.grading.item import Item, parse_item
from regrade.serving.grading.item_grading import Intake, ItemGrading, Means, Sender
from regrade.serving.grading.judges import Judges
from regrade.serving.grading.regrading import Regrading, Resubmission, remake
from regrade.serving.grading.scheduler import Scheduler
from regrade.serving.grading.shadow import Graded
from regrade.serving.grading.slow_photos import SlowPhotos
from regrade.serving.grading.threads import Threads
from regrade.serving.grading.upload import Upload
from regrade.serving.grading.workload import work_of
from regrade.serving.identity.papers import NO_PAPERS, Papers
from regrade.serving.inspections.regrade import RevisionStore
from regrade.serving.inspections.store import DuplicateKeyError, InspectionStore
from regrade.serving.policy.load import Policy
from regrade.serving.storage.photostore import PhotoStore
from regrade.serving.storage.records import Inspection
from regrade.serving.telemetry.item_clock import ItemClock
from regrade.serving.telemetry.metrics import Metrics
from regrade.serving.telemetry.timings import Timings


@dataclass(frozen=True, slots=True)
class Submission:
    """An upload, who sent it, where its time has gone so far, and its place among those that are admitted."""

    sender: Sender
    upload: Upload
    timings: Timings
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Outcome:
    """The stored inspection. `replayed`: an earlier request with the same key and body had stored it."""

    inspection: Inspection
    replayed: bool


Completed = Callable[[Item, Sequence[str], Sequence[str]], Item]
"""An item with what was left out, as far as it is known: of these categories and currencies."""


@dataclass(frozen=True, slots=True)
class _Running:
    digest: str
    done: asyncio.Event


class Pipeline:
    """Grades and stores. One per application, on one event loop; blocking work runs on its thread pools.

    `judges` gives what an item of a station is judged by; `graded` is told of each item that was stored; `completed`
    fills in what is known of an item beforehand, and `papers` say which codes it should show.
    """

    def __init__(
        self,
        judges: Callable[[str | None], Judges],
        inspections: InspectionStore,
        photos: PhotoStore,
        admission: Admission,
        metrics: Metrics,
        *,
        workers: int,
        limits: IntakeLimits,
        graded: Callable[[Graded], None] = lambda _: None,
        revisions: RevisionStore,
        completed: Completed = lambda item, categories, currencies: item,
        max_photos: int,
        papers: Papers = NO_PAPERS,
    ) -> None:
        self._judges = judges
        self._inspections = inspections
        self._revisions = revisions
        self._max_photos = max_photos
        self._completed = completed
        self._metrics = metrics
        self._running: dict[tuple[str, str], _Running] = {}
        self._scheduler = Scheduler(workers)
        self._slow = SlowPhotos(workers)
        self._threads = Threads(8, "write")
        stores = (self._threads, photos, inspections)
        self._means = Means(admission, self._scheduler, self._slow, *stores, limits, graded, papers)

    @property
    def means(self) -> Means:
        """What items are graded with: for those of which nothing is stored."""
        return self._means

    def close(self) -> None:
        """Wait for work under way and end the threads."""
        self._slow.close()
        self._scheduler.close()
        self._threads.close()

    async def submit(self, submission: Submission) -> Outcome:
        """Grade and store an item, or find what was stored for it before.

        Raises `InvalidFieldsError`, `PhotoError`, `IdempotencyConflictError`, `BusyError` or `StorageError`, and has
        then stored nothing.
        """
        key = submission.sender.idempotency_key
        try:
            intake = await self._take_in(submission)
        except InvalidFieldsError:
            # Its station may have had the name that the item says when it was stored.
            if key is None or (done := await self._done(submission)) is None:
                raise
            return done
        if key is None:
            return Outcome(await self._grade(submission, intake), replayed=False)
        slot = (submission.sender.key_id, key)
        async with self._alone(slot, intake.digest):
            stored = await self._threads.call(self._inspections.by_idempotency_key, *slot)
            if stored is None:
                try:
                    return Outcome(await self._grade(submission, intake), replayed=False)
                except DuplicateKeyError:  # another process on the same database was faster
                    stored = await self._threads.call(self._inspections.by_idempotency_key, *slot)
                    assert stored is not None
            return _replayed(stored, intake.digest)

    async def _done(self, submission: Submission) -> Outcome | None:
        upload = submission.upload
        hashes = upload.hashes or await self._threads.call(_hashes_of, upload.photos)
        return await self.stored_before(submission.sender, upload.item, hashes)

    async def stored_before(self, sender: Sender, item: bytes, hashes: Sequence[str]) -> Outcome | None:
        """What was stored for an item that names its photos, should it have come before under its idempotency key:
        the photos need not be there any more.

        Raises `InvalidFieldsError`, `IdempotencyConflictError` or `ErasedError`.
        """
        parsed = self._parsed(item)
        if sender.idempotency_key is None:
            return None
        stored = await self._threads.call(self._inspections.by_idempotency_key, sender.key_id, sender.idempotency_key)
        return None if stored is None else _replayed(stored, _digest_of(parsed, hashes))

    def _parsed(self, item: bytes) -> Item:
        # A canary's station is graded by the candidate, whose categories and currencies are the same.
        judges = self._judges(None)
        return parse_item(item, tuple(judges.grader.categories), tuple(judges.in_force.policy.currencies))

    async def regrade(self, sent: Resubmission) -> Outcome:
        """Grade a stored inspection anew, as its next revision, or find that it was done before.

        Raises as `submit` does, and `NotFoundError`, `ErasedError` and `RevisionError`; nothing is then changed.
        """
        key, digest = sent.idempotency_key, await self._threads.call(sent.mended.digest)
        if key is None:
            return await self._regrade(sent)
        slot = (sent.by.id, key)
        async with self._alone(slot, digest):
            if (done := await self._done_before(slot, sent, digest)) is not None:
                return done
            try:
                return await self._regrade(sent)
            except DuplicateKeyError:  # another process on the same database was faster
                done = await self._done_before(slot, sent, digest)
                assert done is not None
                return done

    async def _done_before(self, slot: tuple[str, str], sent: Resubmission, digest: str) -> Outcome | None:
        known = await self._threads.call(self._revisions.under, *slot)
        if known is None:
            return None
        current = await self._threads.call(self._inspections.get, sent.mended.inspection_id)
        current.refuse_erased()
        if known[0] != current.id:
            raise IdempotencyConflictError(Message("problem.idempotency_conflict"))
        _refuse_other_body(known[1], digest)
        # What that request was answered with, also where another one has changed the item since.
        return Outcome(await self._threads.call(self._revisions.revision, current, known[2]), replayed=True)

    async def _regrade(self, sent: Resubmission) -> Outcome:
        clock = ItemClock(sent.timings, self._metrics)
        with self._metrics.stage("intake"):
            before = await self._threads.call(self._revisions.open, sent.mended.inspection_id)
            category = sent.mended.category
            if category is not None and before.item.get("category") == category:
                return Outcome(before, replayed=True)  # nothing would be other than it is
            # What is read again lies in memory as what was sent does.
            sent.ticket.hold(sum(photo.size for photo in before.photos))
            judges = self._judges(before.item.get("station"))
            made = (judges, self._means.photos, before, sent.mended, self._max_photos)
            remade = await self._threads.call(remake, *made)
        clock.timings.mark("other")
        done = await Regrading(self._means, self._revisions, remade, sent, clock).run()
        return Outcome(done, replayed=False)

    @asynccontextmanager
    async def _alone(self, slot: tuple[str, str], digest: str) -> AsyncIterator[None]:
        """Wait until no other request with the same idempotency key is under way, and keep others waiting."""
        while (running := self._running.get(slot)) is not None:
            _refuse_other_body(running.digest, digest)
            await running.done.wait()
        running = self._running[slot] = _Running(digest, asyncio.Event())
        try:
            yield
        finally:
            del self._running[slot]
            running.done.set()

    async def _take_in(self, submission: Submission) -> Intake:
        with self._metrics.stage("intake"):
            sent = self._parsed(submission.upload.item)
            item = sent.at(submission.sender.station)
            judges = self._judges(item.station)
            grader, policy = judges.grader, judges.in_force.policy
            # One job for all photos: handing each to a thread of its own costs more than it gains under load.
            return await self._threads.call(self._intake_of, grader, policy, sent, item, submission.upload)

    def _intake_of(self, grader: Grader, policy: Policy, sent: Item, item: Item, upload: Upload) -> Intake:
        photos = upload.photos
        hashes = upload.hashes or _hashes_of(photos)
        # Of what was sent: the station that its key adds and what the catalogue says may be other the next time.
        digest = _digest_of(sent, hashes)
        whole = self._completed(item, grader.categories, policy.currencies)
        return Intake(grader, policy, whole, photos, hashes, digest, work_of(photos), upload.files)

    async def _grade(self, submission: Submission, intake: Intake) -> Inspection:
        clock = ItemClock(submission.timings, self._metrics)
        clock.timings.mark("other")
        return await ItemGrading(self._means, intake, submission.sender, submission.ticket, clock).run()


def _hashes_of(photos: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(hashlib.sha256(data).hexdigest() for data in photos)


def _digest_of(item: Item, hashes: Sequence[str]) -> str:
    """What identifies a body, however its photos came: two with the same digest ask for the same."""
    return hashlib.sha256(canonical_json({"item": item.canonical(), "photos": list(hashes)})).hexdigest()


def _replayed(stored: Inspection, digest: str) -> Outcome:
    if stored.erased is not None:
        raise ErasedError(stored.id, stored.erased.at, key=True)
    _refuse_other_body(stored.body_digest, digest)
    return Outcome(stored, replayed=True)


def _refuse_other_body(stored: str, sent: str) -> None:
    if stored != sent:
        raise IdempotencyConflictError(Message("problem.idempotency_conflict"))
