"""One item's way from its upload to what is stored of it: looked at, judged, decided, kept."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from regrade.models.codes.identity import ExpectedCodes, Identity
from regrade.models.codes.types import Code
from regrade.models.grader import Grader
from regrade.models.photo_evidence import PhotoEvidence
from regrade.models.photos.intake import IntakeLimits, open_photo
from regrade.models.pieces.types import ExpectedPiece, Pieces
from regrade.models.types import ItemResult, Photo
from regrade.serving.base.dispositions import Decision
from regrade.serving.evidence import Provenance
from regrade.serving.grading.admission import Admission, Ticket
from regrade.serving.grading.item import Item
from regrade.serving.grading.scheduler import Scheduler
from regrade.serving.grading.shadow import Graded
from regrade.serving.grading.slow_photos import PhotoFile, SlowPhotos
from regrade.serving.grading.threads import Threads
from regrade.serving.grading.workload import Work
from regrade.serving.identity.compare import identify
from regrade.serving.identity.look import look_for_codes
from regrade.serving.identity.papers import NO_PAPERS, Papers
from regrade.serving.identity.pieces import seen_pieces
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import Policy
from regrade.serving.storage.photostore import PhotoStore, StagedPhoto
from regrade.serving.storage.records import Inspection, Status, StoredPhoto, new_id
from regrade.serving.telemetry.item_clock import ItemClock, below, side_by_side, step

SOFTWARE: Final = version("regrade")


@dataclass(frozen=True, slots=True)
class Intake:
    """A checked item, its photos with the hash of each, and what judges all of it: one grader, one policy.

    `digest` identifies the whole body, `work` is what grading it will cost. `files` is where photos that were sent
    ahead lie, and empty for others.
    """

    grader: Grader
    policy: Policy
    item: Item
    photos: tuple[bytes, ...]
    hashes: tuple[str, ...]
    digest: str
    work: Work
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose item it is: the key that sent it, and the idempotency key that came with it. `station`: the one that the
    key is bound to, which the item is then of."""

    key_id: str
    idempotency_key: str | None
    station: str | None = None


@dataclass(frozen=True, slots=True)
class Means:
    """What items are graded and kept with; the same for all of them. `graded` is told of each that is stored."""

    admission: Admission
    scheduler: Scheduler
    slow_photos: SlowPhotos
    threads: Threads
    photos: PhotoStore
    inspections: InspectionStore
    limits: IntakeLimits
    graded: Callable[[Graded], None] = lambda _: None
    papers: Papers = NO_PAPERS


@dataclass(frozen=True, slots=True)
class SeenPhoto:
    """A photo as it will be stored, and what was seen on it."""

    stored: StoredPhoto
    evidence: PhotoEvidence
    codes: tuple[Code, ...] | None = ()
    """Those that were read in it; None where they could not be."""


@dataclass(frozen=True, slots=True)
class Found:
    """What its codes say of an item, and what belongs to it; None where nothing is expected."""

    identity: Identity
    pieces: Pieces | None


def codes_in(seen: Sequence[SeenPhoto]) -> list[Code]:
    """All codes that were read in the photos of an item."""
    return [code for photo in seen for code in photo.codes or ()]


class ItemGrading:
    """One item under way. Call `run` once."""

    def __init__(self, means: Means, intake: Intake, sender: Sender, ticket: Ticket, clock: ItemClock) -> None:
        self.clock = clock
        self._means = means
        self._intake = intake
        self._sender = sender
        self._ticket = ticket
        self._limits = replace(means.limits, working_side=intake.grader.working_side)
        self._expected = ExpectedCodes()
        self._belong: tuple[ExpectedPiece, ...] = ()
        self._staging: asyncio.Future[list[StagedPhoto]] | None = None

    async def run(self) -> Inspection:
        """Grade the item, decide what to do with it, and store both with the photos.

        Raises `PhotoError`, `BusyError`, `UploadAborted`, `DuplicateKeyError` or `StorageError`, and has then stored
        nothing.
        """
        self._ticket.enqueue(self._intake.work)
        try:
            decoded = await self._decode_slow_photos()
            self._expected, self._belong = await self._look_up()
            async with self._turn():
                self._begin_to_stage_photos()
                seen = await self._look_at_photos(decoded)
            result = await self._fuse([photo.evidence for photo in seen])
            identity = await self._identify(seen)
            found = Found(identity, self._pieces(codes_in(seen)))
            decision = await self._decide(result, found)
            staged = await self._staged_photos()
            inspection = await self._keep(self._inspection(result, decision, seen, found), staged)
        except BaseException:
            await self._discard_photos()
            raise
        self._count(inspection)
        evidence, odd = [photo.evidence for photo in seen], bool(self._intake.work.slow)
        self._means.graded(Graded(inspection, evidence, self._intake.photos, self._means.limits, odd))
        return inspection

    def _count(self, inspection: Inspection) -> None:
        self.clock.stored(inspection)

    @side_by_side
    async def _decode_slow_photos(self) -> Mapping[int, Photo]:
        """Those that would keep a core from other items, by place."""
        intake = self._intake
        if not intake.work.slow:
            return {}
        slow = {n: PhotoFile(intake.photos[n], intake.hashes[n]) for n in intake.work.slow}
        return await self._means.slow_photos.decode(slow, self._limits, self._ticket, self.clock)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """The item's turn on the cores."""
        async with self._means.admission.turn(self._ticket):
            self.clock.waited()
            yield
            self._ticket.spent(self.clock.core_seconds)

    def _begin_to_stage_photos(self) -> None:
        # Beside inference: writing and syncing waits for the disk, not for a core.
        staged = self._new_files(), self._new_paths()
        self._staging = asyncio.ensure_future(self._means.threads.call(self._means.photos.stage, *staged))

    def _new_files(self) -> list[tuple[bytes, str]]:
        """The photos that are not in the store yet, with the hash of each."""
        return list(zip(self._intake.photos, self._intake.hashes, strict=True))

    def _new_paths(self) -> Sequence[Path]:
        """Where those lie already that were sent ahead; none where they came with the request."""
        return self._intake.files

    @side_by_side
    async def _look_at_photos(self, decoded: Mapping[int, Photo]) -> list[SeenPhoto]:
        places = range(len(self._intake.photos))
        return await self._means.scheduler.run(
            [below("look", self._look, index, decoded.get(index), photo=index) for index in places]
        )

    def _look(self, index: int, decoded: Photo | None) -> SeenPhoto:
        data, sha256 = self._intake.photos[index], self._intake.hashes[index]
        photo = decoded or self._open(index, data, sha256)
        stored = StoredPhoto(index, photo.sha256, photo.media_type, len(data), photo.width, photo.height)
        evidence = self._see(photo)
        with self.clock.piece("infer", "codes"):
            # A file that had to be decoded aside would take its time again.
            codes = look_for_codes(photo, data, self._expected, self._limits, again=decoded is None)
        return SeenPhoto(stored, evidence, codes)

    def _open(self, index: int, data: bytes, sha256: str) -> Photo:
        with self.clock.piece("decode", "decode"):
            return open_photo(data, index, self._limits, sha256=sha256)

    def _see(self, photo: Photo) -> PhotoEvidence:
        with self.clock.piece("infer"):
            evidence = self._intake.grader.look(photo, self._intake.item.category)
            self.clock.took(evidence.timings_ms)
        return evidence

    @step("infer", "fuse")
    async def _fuse(self, evidence: Sequence[PhotoEvidence]) -> ItemResult:
        return await self._means.threads.call(self._intake.grader.conclude, evidence, self._intake.item.category)

    @step("other")
    async def _look_up(self) -> tuple[ExpectedCodes, tuple[ExpectedPiece, ...]]:
        """Which codes the item should show, and what belongs to it."""
        papers, item = self._means.papers, self._intake.item.canonical()
        return await self._means.threads.call(lambda: (papers.codes_expected(item), papers.pieces_expected(item)))

    @step("other", "identity")
    async def _identify(self, seen: Sequence[SeenPhoto]) -> Identity:
        codes = codes_in(seen)
        unread = [photo.stored.index for photo in seen if photo.codes is None]
        told = (self._intake.item.canonical(), self._expected, codes, self._means.papers, unread)
        return await self._means.threads.call(identify, *told)

    def _pieces(self, codes: Sequence[Code]) -> Pieces | None:
        """What belongs to the item and which codes tell of it; nobody has counted yet. None where nothing belongs."""
        if not self._belong:
            return None
        return Pieces("unknown", self._belong, seen_pieces(self._belong, codes, self._intake.item.canonical()))

    @step("other", "policy")
    async def _decide(self, result: ItemResult, found: Found) -> Decision | None:
        """What to do with the item; None where photos must be taken again."""
        if result.retake or result.grade is None:
            return None
        return await self._means.threads.call(self._decision, result, found)

    def _decision(self, result: ItemResult, found: Found) -> Decision:
        item = self._intake.item
        return decide(
            self._intake.policy,
            result,
            declared_value=item.value,
            seller=item.seller,
            sku=item.sku,
            identity=found.identity.verdict,
            pieces=found.pieces,
        )

    @step("store")
    async def _staged_photos(self) -> list[StagedPhoto]:
        assert self._staging is not None
        staged = await self._staging
        self._ticket.written()
        return staged

    def _inspection(
        self, result: ItemResult, decision: Decision | None, seen: Sequence[SeenPhoto], found: Found
    ) -> Inspection:
        return Inspection(
            id=new_id(),
            created_at=datetime.now(UTC),
            status=status_of(result, decision),
            key_id=self._sender.key_id,
            idempotency_key=self._sender.idempotency_key,
            body_digest=self._intake.digest,
            item=self._intake.item.canonical(),
            result=replace(result, timings_ms=self.clock.timings.as_ms()),
            decision=decision,
            photos=tuple(photo.stored for photo in seen),
            identity=found.identity,
            pieces=found.pieces,
        )

    @step("store", span=True)
    async def _keep(self, inspection: Inspection, staged: Sequence[StagedPhoto]) -> Inspection:
        provenance = Provenance(self._intake.grader.digests, self._intake.policy.sha256, SOFTWARE)
        return await self._means.threads.call(self._store, inspection, staged, provenance)

    def _store(self, inspection: Inspection, staged: Sequence[StagedPhoto], provenance: Provenance) -> Inspection:
        # The row comes last: whatever the power does, a row never speaks of a photo that is not there.
        with self._means.photos.published(staged, self._means.inspections.using):
            return self._write(inspection, provenance)

    def _write(self, inspection: Inspection, provenance: Provenance) -> Inspection:
        self._means.inspections.insert(inspection, provenance)
        return inspection

    async def _discard_photos(self) -> None:
        if self._staging is not None:
            (staged,) = await asyncio.gather(self._staging, return_exceptions=True)
            if not isinstance(staged, BaseException):
                await self._means.threads.call(self._means.photos.discard, staged, self._means.inspections.using)


def status_of(result: ItemResult, decision: Decision | None) -> Status:
    """Where an item stands that was just looked at; `decision` is None where photos must be taken again."""
    if decision is None or result.retake:
        return "retake"
    return "needs_review" if decision.needs_review else "graded"
