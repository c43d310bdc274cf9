"""From an upload to a stored inspection: intake → grader → policy → store. Free of HTTP."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import ParamSpec, TypeVar

from regrade.models.grader import Grader, PhotoEvidence
from regrade.models.intake import IntakeLimits, open_photo
from regrade.models.types import ItemResult
from regrade.serving.admission import Admission, Ticket
from regrade.serving.canonical import canonical_json
from regrade.serving.errors import IdempotencyConflictError
from regrade.serving.i18n import Message
from regrade.serving.item import Item, parse_item
from regrade.serving.metrics import Metrics
from regrade.serving.photostore import PhotoStore, StagedPhoto
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import Policy
from regrade.serving.policy.types import Decision, Money
from regrade.serving.records import Inspection, Status, StoredPhoto, new_id
from regrade.serving.scheduler import Scheduler
from regrade.serving.store import DuplicateKeyError, InspectionStore
from regrade.serving.uploads import Upload
from regrade.serving.workload import work_of

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Submission:
    """An upload, who sent it, under which idempotency key, and when its first byte came (perf_counter)."""

    key_id: str
    idempotency_key: str | None
    upload: Upload
    started: float
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Outcome:
    """The stored inspection. `replayed`: an earlier request with the same key and body had stored it."""

    inspection: Inspection
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Intake:
    """A checked item with the hash of every photo. `digest` identifies the whole body; `grader` grades all of it."""

    grader: Grader
    item: Item
    photos: tuple[bytes, ...]
    hashes: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen on one photo, and how long decoding and looking took, in seconds."""

    stored: StoredPhoto
    evidence: PhotoEvidence
    decode: float
    infer: float


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
        self._running: dict[tuple[str, str], _Running] = {}
        self._scheduler = Scheduler(workers)
        # Writing and syncing photos beside inference; it waits for the disk, not for a core.
        self._writers = ThreadPoolExecutor(8, thread_name_prefix="write")

    def close(self) -> None:
        """Wait for work under way and end the threads."""
        self._scheduler.close()
        self._writers.shutdown()

    async def submit(self, submission: Submission) -> Outcome:
        """Grade and store an item, or find what was stored for it before.

        Raises `InvalidFieldsError`, `PhotoError`, `IdempotencyConflictError` or `BusyError`, and has then
        stored nothing.
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
            hashes = await asyncio.gather(*(self._write(_sha256, data) for data in upload.photos))
            body = {"item": item.canonical(), "photos": list(hashes)}
            digest = hashlib.sha256(canonical_json(body)).hexdigest()
            return _Intake(grader, item, upload.photos, tuple(hashes), digest)

    async def _process(self, submission: Submission, intake: _Intake) -> Inspection:
        waiting = time.perf_counter()
        submission.ticket.enqueue(await self._write(work_of, intake.photos))
        writing: list[asyncio.Future[StagedPhoto]] = []
        try:
            async with self._admission.turn(submission.ticket):
                self._metrics.stages.labels("queue").observe(time.perf_counter() - waiting)
                writing += [
                    asyncio.ensure_future(self._write(self._photos.stage, data, sha256))
                    for data, sha256 in zip(intake.photos, intake.hashes, strict=True)
                ]
                photos, result = await self._grade(intake, submission.ticket)
            decision = self._decide(intake.item, result)
            with self._metrics.stage("stage_photos"):
                staged = await asyncio.gather(*writing)
            total = time.perf_counter() - submission.started
            inspection = Inspection(
                id=new_id(),
                created_at=datetime.now(UTC),
                status=_status(result, decision),
                key_id=submission.key_id,
                idempotency_key=submission.idempotency_key,
                body_digest=intake.digest,
                item=intake.item.canonical(),
                result=replace(result, timings_ms={**result.timings_ms, "total": round(total * 1000, 1)}),
                decision=decision,
                photos=photos,
            )
            with self._metrics.stage("store"):
                await self._write(self._keep, inspection, staged)
        except BaseException:
            await self._drop(writing)
            raise
        self._metrics.stored(inspection)
        self._metrics.stages.labels("total").observe(time.perf_counter() - submission.started)
        return inspection

    async def _grade(self, intake: _Intake, ticket: Ticket) -> tuple[tuple[StoredPhoto, ...], ItemResult]:
        started = time.perf_counter()
        looks = await self._scheduler.run(
            [
                partial(self._look, intake.grader, data, index, sha256, intake.item.category)
                for index, (data, sha256) in enumerate(zip(intake.photos, intake.hashes, strict=True))
            ]
        )
        concluding = time.perf_counter()
        result = await self._write(intake.grader.conclude, [look.evidence for look in looks], intake.item.category)
        ended = time.perf_counter()
        # Photos are decoded and looked at in parallel: the wall time is shared out by the work that was done.
        decode, infer = sum(look.decode for look in looks), sum(look.infer for look in looks)
        ticket.spent(decode + infer)
        decode_wall = (concluding - started) * decode / max(decode + infer, 1e-9)
        infer_wall = ended - started - decode_wall
        self._metrics.stages.labels("decode").observe(decode_wall)
        self._metrics.stages.labels("infer").observe(infer_wall)
        timings = {"decode": round(decode_wall * 1000, 1), "infer": round(infer_wall * 1000, 1)}
        return tuple(look.stored for look in looks), replace(result, timings_ms=timings)

    def _look(self, grader: Grader, data: bytes, index: int, sha256: str, category: str | None) -> _Look:
        started = time.perf_counter()
        photo = open_photo(data, index, replace(self._limits, working_side=grader.working_side), sha256=sha256)
        decoded = time.perf_counter()
        evidence = grader.look(photo, category)
        stored = StoredPhoto(index, photo.sha256, photo.media_type, len(data), photo.width, photo.height)
        return _Look(stored, evidence, decoded - started, time.perf_counter() - decoded)

    def _decide(self, item: Item, result: ItemResult) -> Decision | None:
        if result.retake or result.grade is None:
            return None
        with self._metrics.stage("policy"):
            return decide(self._policy, result, declared_value=declared_value(item), seller=item.seller, sku=item.sku)

    def _keep(self, inspection: Inspection, staged: Sequence[StagedPhoto]) -> None:
        # The row comes last: whatever the power does, a row never speaks of a photo that is not there.
        self._photos.publish(staged)
        self._inspections.insert(inspection)

    async def _drop(self, writing: Sequence["asyncio.Future[StagedPhoto]"]) -> None:
        written = await asyncio.gather(*writing, return_exceptions=True)
        staged = [photo for photo in written if isinstance(photo, StagedPhoto)]
        await self._write(self._photos.discard, staged)

    async def _write(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        assert not kwargs
        return await asyncio.get_running_loop().run_in_executor(self._writers, function, *args)


def declared_value(item: Item) -> Money | None:
    """The declared value as the policy takes it."""
    return None if item.declared_value is None else Money(item.declared_value.amount, item.declared_value.currency)


def _status(result: ItemResult, decision: Decision | None) -> Status:
    if decision is None or result.retake:
        return "retake"
    return "needs_review" if decision.needs_review else "graded"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _refuse_other_body(stored: str, sent: str) -> None:
    if stored != sent:
        raise IdempotencyConflictError(Message("problem.idempotency_conflict"))
