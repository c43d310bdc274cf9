"""From an upload to a stored inspection: intake → grader → policy → store. Free of HTTP."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import ParamSpec, TypeVar

from regrade.models.grader import Grader
from regrade.models.photo_evidence import PhotoEvidence
from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.models.types import ItemResult
from regrade.serving.base.canonical import canonical_json
from regrade.serving.base.dispositions import Decision, Money
from regrade.serving.base.errors import ErasedError, IdempotencyConflictError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence import Provenance
from regrade.serving.grading.admission import Admission, Ticket
from regrade.serving.grading.item import Item, parse_item
from regrade.serving.grading.scheduler import Scheduler
from regrade.serving.grading.slow_photos import Decoded, Slow, SlowPhotos
from regrade.serving.grading.upload import Upload
from regrade.serving.grading.workload import Work, work_of
from regrade.serving.inspections.store import DuplicateKeyError, InspectionStore
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import Policy
from regrade.serving.storage.photostore import PhotoStore, StagedPhoto
from regrade.serving.storage.records import Inspection, Status, StoredPhoto, new_id
from regrade.serving.telemetry import tracing
from regrade.serving.telemetry.metrics import Metrics
from regrade.serving.telemetry.timings import Interval, Timings

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Submission:
    """An upload, who sent it, under which idempotency key, where its time has gone so far, and its place."""

    key_id: str
    idempotency_key: str | None
    upload: Upload
    timings: Timings
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Outcome:
    """The stored inspection. `replayed`: an earlier request with the same key and body had stored it."""

    inspection: Inspection
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Intake:
    """A checked item with the hash of every photo. `digest` identifies the whole body; `grader` grades all of it;
    `work` is what that will cost."""

    grader: Grader
    item: Item
    photos: tuple[bytes, ...]
    hashes: tuple[str, ...]
    digest: str
    work: Work


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen on one photo, and when (perf_counter) it was begun, decoded and looked at to the end."""

    stored: StoredPhoto
    evidence: PhotoEvidence
    begun: float
    decoded: float
    ended: float

    @property
    def work(self) -> tuple[Interval, Interval]:
        return ("decode", self.begun, self.decoded), ("infer", self.decoded, self.ended)


@dataclass(frozen=True, slots=True)
class _Running:
    digest: str
    done: asyncio.Event


class Pipeline:
    """Grades and stores. One per application, on one event loop; blocking work runs on its thread pools."""

    def __init__(
        self,
        graders: Callable[[], Grader],
        policy: Policy,
        inspections: InspectionStore,
        photos: PhotoStore,
        admission: Admission,
        metrics: Metrics,
        *,
        workers: int,
        limits: IntakeLimits,
    ) -> None:
        self._graders = graders
        self._policy = policy
        self._inspections = inspections
        self._photos = photos
        self._admission = admission
        self._metrics = metrics
        self._limits = limits
        self._software = version("regrade")
        self._running: dict[tuple[str, str], _Running] = {}
        self._scheduler = Scheduler(workers)
        self._slow = SlowPhotos(workers)
        # Writing and syncing photos beside inference; it waits for the disk, not for a core.
        self._writers = ThreadPoolExecutor(8, thread_name_prefix="write")

    def close(self) -> None:
        """Wait for work under way and end the threads."""
        self._slow.close()
        self._scheduler.close()
        self._writers.shutdown()

    async def submit(self, submission: Submission) -> Outcome:
        """Grade and store an item, or find what was stored for it before.

        Raises `InvalidFieldsError`, `PhotoError`, `IdempotencyConflictError`, `BusyError` or `StorageError`, and has
        then stored nothing.
        """
        intake = await self._take_in(submission.upload)
        if submission.idempotency_key is None:
            return Outcome(await self._process(submission, intake), replayed=False)
        slot = (submission.key_id, submission.idempotency_key)
        while (running := self._running.get(slot)) is not None:
            _refuse_other_body(running.digest, intake.digest)
            await running.done.wait()
        running = self._running[slot] = _Running(intake.digest, asyncio.Event())
        try:
            stored = await self._write(self._inspections.by_idempotency_key, *slot)
            if stored is None:
                try:
                    return Outcome(await self._process(submission, intake), replayed=False)
                except DuplicateKeyError:  # another process on the same database was faster
                    stored = await self._write(self._inspections.by_idempotency_key, *slot)
                    assert stored is not None
            if stored.erased is not None:
                raise ErasedError(stored.id, stored.erased.at, key=True)
            _refuse_other_body(stored.body_digest, intake.digest)
            return Outcome(stored, replayed=True)
        finally:
            del self._running[slot]
            running.done.set()

    async def _take_in(self, upload: Upload) -> _Intake:
        with self._metrics.stage("intake"):
            currencies = tuple(self._policy.currencies)
            grader = self._graders()
            item = parse_item(upload.item, tuple(grader.categories), currencies)
            # One job for all photos: handing each to a thread of its own costs more than it gains under load.
            return await self._write(_intake_of, grader, item, upload.photos)

    async def _process(self, submission: Submission, intake: _Intake) -> Inspection:
        timings, ticket = submission.timings, submission.ticket
        timings.mark("other")
        ticket.enqueue(intake.work)
        writing: asyncio.Future[list[StagedPhoto]] | None = None
        try:
            ready = await self._decode_slow(intake, submission)
            async with self._admission.turn(ticket):
                self._metrics.ended("queue", timings.mark("queue"))
                to_stage = list(zip(intake.photos, intake.hashes, strict=True))
                writing = asyncio.ensure_future(self._write(self._photos.stage, to_stage))
                looks = await self._look_at_all(intake, ready)
                timings.parallel([step for look in looks for step in look.work], idle="queue")
                ticket.spent(sum(look.ended - look.begun for look in looks))
            result, decision, fused = await self._write(self._judge, intake, looks)
            timings.mark("infer", fused)
            timings.mark("other")
            with tracing.span("store"):
                staged = await writing
                ticket.written()
                timings.mark("store")
                inspection = Inspection(
                    id=new_id(),
                    created_at=datetime.now(UTC),
                    status=_status(result, decision),
                    key_id=submission.key_id,
                    idempotency_key=submission.idempotency_key,
                    body_digest=intake.digest,
                    item=intake.item.canonical(),
                    result=replace(result, timings_ms=timings.as_ms()),
                    decision=decision,
                    photos=tuple(look.stored for look in looks),
                )
                await self._write(self._keep, inspection, staged, self._provenance(intake.grader))
                timings.mark("store")
        except BaseException:
            await self._drop(writing)
            raise
        self._metrics.stored(inspection)
        self._metrics.observe("store", timings.seconds("store"))
        self._metrics.observe("total", timings.total)
        tracing.annotate(inspection=inspection.id, status=inspection.status)
        return inspection

    async def _decode_slow(self, intake: _Intake, submission: Submission) -> Mapping[int, Decoded]:
        if not intake.work.slow:
            return {}
        photos = [Slow(n, intake.photos[n], intake.hashes[n]) for n in intake.work.slow]
        decoded = await self._slow.decode(photos, self._limits_for(intake), submission.ticket)
        submission.timings.parallel([one.work for one in decoded.values()], idle="queue")
        return decoded

    async def _look_at_all(self, intake: _Intake, ready: Mapping[int, Decoded]) -> list[_Look]:
        return await self._scheduler.run(
            [
                tracing.carry(partial(self._look, intake, data, index, sha256, ready.get(index)))
                for index, (data, sha256) in enumerate(zip(intake.photos, intake.hashes, strict=True))
            ]
        )

    def _limits_for(self, intake: _Intake) -> IntakeLimits:
        return replace(self._limits, working_side=intake.grader.working_side)

    def _look(self, intake: _Intake, data: bytes, index: int, sha256: str, ready: Decoded | None) -> _Look:
        begun = time.perf_counter()
        with tracing.span("look", photo=index):
            photo = ready.photo if ready else open_photo(data, index, self._limits_for(intake), sha256=sha256)
            decoded = time.perf_counter()
            evidence = intake.grader.look(photo, intake.item.category)
            steps = {"decode": (decoded - begun) * 1000, **evidence.timings_ms}
            tracing.steps(begun, steps)
        for name, milliseconds in steps.items():
            self._metrics.observe(name, milliseconds / 1000)
        stored = StoredPhoto(index, photo.sha256, photo.media_type, len(data), photo.width, photo.height)
        return _Look(stored, evidence, begun, decoded, time.perf_counter())

    def _judge(self, intake: _Intake, looks: Sequence[_Look]) -> tuple[ItemResult, Decision | None, float]:
        """The grade, what to do with the item (None for a retake), and when the grade was there (perf_counter)."""
        item = intake.item
        with self._metrics.stage("fuse"):
            result = intake.grader.conclude([look.evidence for look in looks], item.category)
        fused = time.perf_counter()
        if result.retake or result.grade is None:
            return result, None, fused
        with self._metrics.stage("policy"):
            decision = decide(
                self._policy, result, declared_value=declared_value(item), seller=item.seller, sku=item.sku
            )
        return result, decision, fused

    def _keep(self, inspection: Inspection, staged: Sequence[StagedPhoto], provenance: Provenance) -> None:
        # The row comes last: whatever the power does, a row never speaks of a photo that is not there.
        with self._photos.published(staged, self._inspections.using):
            self._inspections.insert(inspection, provenance)

    def _provenance(self, grader: Grader) -> Provenance:
        return Provenance(grader.digests, self._policy.sha256, self._software)

    async def _drop(self, writing: "asyncio.Future[list[StagedPhoto]] | None") -> None:
        if writing is not None:
            (staged,) = await asyncio.gather(writing, return_exceptions=True)
            if not isinstance(staged, BaseException):
                await self._write(self._photos.discard, staged)

    async def _write(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        assert not kwargs
        return await asyncio.get_running_loop().run_in_executor(self._writers, tracing.carry(function), *args)


def declared_value(item: Item) -> Money | None:
    """The declared value as the policy takes it."""
    return None if item.declared_value is None else Money(item.declared_value.amount, item.declared_value.currency)


def _status(result: ItemResult, decision: Decision | None) -> Status:
    if decision is None or result.retake:
        return "retake"
    return "needs_review" if decision.needs_review else "graded"


def _intake_of(grader: Grader, item: Item, photos: tuple[bytes, ...]) -> _Intake:
    hashes = tuple(hashlib.sha256(data).hexdigest() for data in photos)
    digest = hashlib.sha256(canonical_json({"item": item.canonical(), "photos": list(hashes)})).hexdigest()
    return _Intake(grader, item, photos, hashes, digest, work_of(photos))


def _refuse_other_body(stored: str, sent: str) -> None:
    if stored != sent:
        raise IdempotencyConflictError(Message("problem.idempotency_conflict"))
