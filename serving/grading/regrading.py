"""A stored inspection graded anew, as the same one: with photos added or replaced, or as of another category."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from regrade.models.codes.types import Code
from regrade.models.grader import Grader
from regrade.models.pieces.types import Pieces
from regrade.models.types import ItemResult
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.canonical import canonical_json
from regrade.serving.base.dispositions import Decision
from regrade.serving.base.errors import FieldFault, InvalidFieldsError, UploadError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence import Provenance
from regrade.serving.grading.admission import Ticket
from regrade.serving.grading.item import DeclaredValue, Item
from regrade.serving.grading.item_grading import Found, Intake, ItemGrading, Means, SeenPhoto, Sender, status_of
from regrade.serving.grading.judges import Judges
from regrade.serving.grading.workload import work_of
from regrade.serving.identity.pieces import seen_pieces
from regrade.serving.inspections.regrade import Change, RevisionStore
from regrade.serving.storage.photostore import PhotoStore
from regrade.serving.storage.records import Cause, Inspection
from regrade.serving.telemetry.item_clock import ItemClock
from regrade.serving.telemetry.timings import Timings


@dataclass(frozen=True, slots=True)
class Mended:
    """What is to be other than before: new `photos`, of which the first take the places of those with the indexes
    `replace` and the others are added; or the `category`."""

    inspection_id: str
    photos: tuple[bytes, ...] = ()
    replace: tuple[int, ...] = ()
    category: str | None = None

    @property
    def cause(self) -> Cause:
        """In one word."""
        return "photos" if self.category is None else "category"

    def digest(self) -> str:
        """SHA-256, in hex, of all that was asked for: it tells one request from another."""
        hashes = [hashlib.sha256(data).hexdigest() for data in self.photos]
        asked = {"inspection": self.inspection_id, "category": self.category, "replace": list(self.replace)}
        return hashlib.sha256(canonical_json({**asked, "photos": hashes})).hexdigest()


@dataclass(frozen=True, slots=True)
class Resubmission:
    """What is to be changed, by whom, under which idempotency key, where its time has gone so far, and its place among
    those that are admitted."""

    by: ApiKey
    idempotency_key: str | None
    mended: Mended
    timings: Timings
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Remade:
    """An inspection with what it is graded by now. `stored` are the places of photos that the store has already."""

    before: Inspection
    intake: Intake
    stored: frozenset[int]


class Regrading(ItemGrading):
    """One inspection on its way to its next revision. Call `run` once."""

    def __init__(
        self, means: Means, revisions: RevisionStore, remade: Remade, sent: Resubmission, clock: ItemClock
    ) -> None:
        sender = Sender(sent.by.id, sent.idempotency_key)
        super().__init__(means, remade.intake, sender, sent.ticket, clock)
        self._revisions = revisions
        self._remade = remade
        self._sent = sent

    def _new_files(self) -> list[tuple[bytes, str]]:
        return [file for place, file in enumerate(super()._new_files()) if place not in self._remade.stored]

    def _inspection(
        self, result: ItemResult, decision: Decision | None, seen: Sequence[SeenPhoto], found: Found
    ) -> Inspection:
        before, category = self._remade.before, self._sent.mended.category
        return replace(
            before,
            status=status_of(result, decision),
            item=before.item if category is None else {**before.item, "category": category},
            result=replace(result, timings_ms=self.clock.timings.as_ms()),
            decision=decision,
            photos=tuple(photo.stored for photo in seen),
            revision=before.revision + 1,
            identity=found.identity,
            pieces=found.pieces,
        )

    def _pieces(self, codes: Sequence[Code]) -> Pieces | None:
        """What was counted still holds, and of what it was counted; codes may tell of other pieces now."""
        before, anew = self._remade.before.pieces, super()._pieces(codes)
        if before is None or (anew is not None and before.count is None):
            return anew
        return replace(before, seen=seen_pieces(before.expected, codes, self._intake.item.canonical()))

    def _write(self, inspection: Inspection, provenance: Provenance) -> Inspection:
        sent = self._sent
        told = (sent.by, datetime.now(UTC), sent.mended.cause, sent.idempotency_key)
        return self._revisions.add(inspection, Change(*told, self._intake.digest, provenance))

    def _count(self, inspection: Inspection) -> None:
        self.clock.regraded(inspection, self._sent.mended.cause)


def remake(judges: Judges, photos: PhotoStore, before: Inspection, mended: Mended, most: int) -> Remade:
    """What an inspection is to be graded by now, its stored photos read again; `most` is how many it may have.

    Raises `InvalidFieldsError`, `UploadError` and `PhotoDamagedError`.
    """
    grader = judges.grader
    category = mended.category
    if category is not None and category not in grader.categories:
        params = {"given": category, "legal": ", ".join(grader.categories)}
        fault = FieldFault("category", Message("fault.unknown_category", params))
        raise InvalidFieldsError("unknown-category", "request", [fault])
    files: list[bytes | None] = [None for _ in before.photos]
    for place, data in zip(_places(before, mended), mended.photos, strict=True):
        files[place : place + 1] = [data]
    if len(files) > most:
        raise UploadError("too-many-photos", Message("problem.too_many_in_all", {"limit": most, "count": len(files)}))
    stored = frozenset(place for place, data in enumerate(files) if data is None)
    whole = tuple(photos.read(before.photos[n].sha256) if data is None else data for n, data in enumerate(files))
    return Remade(before, _intake(grader, judges, before, whole, mended), stored)


def _places(before: Inspection, mended: Mended) -> list[int]:
    """Where each new photo goes. Raises `InvalidFieldsError` where it cannot."""
    count, taken = len(before.photos), mended.replace
    wrong = [index for index in taken if not 0 <= index < count]
    message = None
    if wrong:
        message = Message("fault.replace_unknown", {"given": wrong[0], "last": count - 1})
    elif len(set(taken)) < len(taken):
        message = Message("fault.replace_twice")
    elif len(taken) > len(mended.photos):
        message = Message("fault.replace_more", {"photos": len(mended.photos), "given": len(taken)})
    if message is not None:
        raise InvalidFieldsError("invalid-request", "request", [FieldFault("replace", message)])
    return [*taken, *range(count, count + len(mended.photos) - len(taken))]


def _intake(grader: Grader, judges: Judges, before: Inspection, photos: tuple[bytes, ...], mended: Mended) -> Intake:
    hashes = tuple(hashlib.sha256(data).hexdigest() for data in photos)
    category = before.item.get("category") if mended.category is None else mended.category
    item = _as_accepted({**before.item, "category": category})
    return Intake(grader, judges.in_force.policy, item, photos, hashes, mended.digest(), work_of(photos))


def _as_accepted(item: dict[str, Any]) -> Item:
    """The item as it was accepted: rules may have become stricter since, and do not count for it."""
    value = item.get("declared_value")
    declared = DeclaredValue.model_construct(**value) if isinstance(value, dict) else None
    return Item.model_construct(**{**item, "declared_value": declared})
