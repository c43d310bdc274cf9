"""`regrade labels export`: what the desk decided → a version of a dataset."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from regrade.datasets.category import Category
from regrade.datasets.checks import majority
from regrade.datasets.manifest import Record
from regrade.datasets.splitting import Shares
from regrade.labeling.versions.decisions import DecidedPhoto, DeskDecision
from regrade.labeling.versions.ledger import Ledger
from regrade.labeling.versions.photo_labels import PhotoLabel, photo_labels
from regrade.labeling.versions.placing import SplitAssignments
from regrade.labeling.versions.provenance import InspectionRecord, PhotoProvenance, inspection_record
from regrade.labeling.versions.pseudonyms import LabelKey

RETAKE = "retake"
UNSETTLED = "items that wait for another look"
TIED = "items that tie photos of different splits together"
GONE = "photos that the store has lost or that are damaged"
NO_CATEGORY = "items of an unknown category or condition"
ERASED = "items that were erased"
OLDER = "items decided before --since"

T = TypeVar("T")
Progress = Callable[[Sequence[T]], Iterable[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """`item_types` maps a category to the item type of items that state none. `alike` maps a photo's hash to those of
    its copies. For `model_boxes` see `photo_labels`. `ledger` is what earlier exports of the data folder handed out."""

    shares: Shares = (0.7, 0.15, 0.15)
    since: datetime | None = None
    unsettled: bool = False
    with_names: bool = False
    model_boxes: bool = False
    source: str = "desk"
    licence: str = "own"
    item_types: Mapping[str, str] = field(default_factory=dict)
    alike: Mapping[str, Iterable[str]] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)


@dataclass(frozen=True, slots=True)
class Exported:
    """The records of the new version, existing ones first, with their provenance; `left_out` counts by reason.

    `guessed_types` are photos whose item type nobody stated. `ledger` is that of the options with what is new.
    """

    records: tuple[Record, ...]
    provenance: tuple[PhotoProvenance, ...]
    left_out: Mapping[str, int]
    guessed_types: int
    ledger: Ledger


@dataclass(slots=True)
class _Photo:
    """A photo to be written: the first decision that has it says what it is, all of them what it shows."""

    stored: DecidedPhoto
    decision: DeskDecision
    labels: list[PhotoLabel] = field(default_factory=list)
    inspections: list[InspectionRecord] = field(default_factory=list)


def export_labels(
    decisions: Sequence[DeskDecision],
    existing: Sequence[Record],
    provenance: Mapping[str, PhotoProvenance],
    categories: Mapping[str, Category],
    key: LabelKey,
    options: ExportOptions,
    progress: Progress[DecidedPhoto] = iter,
) -> Exported:
    """The records of `existing` (its `provenance` by photo hash) and of all `decisions`, which must be the whole
    history of the desk: also what is left out says which items belong together.

    Raises `DatasetError` for an item type that a category does not have.
    """
    left_out: Counter[str] = Counter()
    places = SplitAssignments(key, options.shares, options.alike)
    places.keep(existing)
    places.remember(options.ledger)
    photos: dict[str, _Photo] = {}
    for decision in sorted((d for d in decisions if usable(d)), key=lambda d: (d.looks[0].decided_at, d.id)):
        own_group = key.pseudonym("item", decision.item.seller or "", decision.item.rma)
        placed = places.place(own_group, [photo.sha256 for photo in decision.photos])
        if (reason := _reason_to_leave_out(decision, categories, options)) is not None:
            left_out[reason] += 1
            continue
        left_out[TIED] += not placed
        labels = photo_labels(decision, categories[str(decision.category)], model_boxes=options.model_boxes)
        for stored in decision.photos:
            if stored.sha256 in places.photos:
                found = photos.setdefault(stored.sha256, _Photo(stored, decision))
                found.labels.append(labels[stored.index])
                found.inspections.append(
                    inspection_record(decision, stored.index, labels[stored.index], key, options.with_names)
                )
    whole = {stored.sha256: _is_whole(stored) for stored in progress([photo.stored for photo in photos.values()])}
    old = {record.sha256: record for record in existing}
    left_out[GONE] = sum(not there and sha256 not in old for sha256, there in whole.items())
    records, rows, guessed = dict(old), dict(provenance), 0
    for sha256, photo in photos.items():
        if not whole[sha256] and sha256 not in old:
            continue
        rows[sha256] = _provenance(sha256, photo, old.get(sha256), provenance.get(sha256))
        if sha256 not in old:
            category = categories[str(photo.decision.category)]
            item_type, stated = item_type_of(photo.decision, category, options.item_types)
            guessed += not stated
            record = _new_record(photo, category.name, item_type, places, options)
        else:
            record = old[sha256]
        records[sha256] = _labelled(record, photo, rows[sha256])
    return Exported(tuple(records.values()), tuple(rows.values()), +left_out, guessed, places.ledger())


def usable(decision: DeskDecision) -> bool:
    """Whether a decision can label anything at all: somebody voted, on photos that passed the quality gate."""
    return decision.status != RETAKE and bool(decision.looks) and bool(decision.photos)


def _reason_to_leave_out(
    decision: DeskDecision, categories: Mapping[str, Category], options: ExportOptions
) -> str | None:
    if options.since is not None and max(look.decided_at for look in decision.looks) < options.since:
        return OLDER
    if not decision.settled and not options.unsettled:
        return UNSETTLED
    category = categories.get(decision.category or "")
    if category is None or not {look.condition for look in decision.looks} <= set(category.condition_names):
        return NO_CATEGORY
    return None


def _is_whole(photo: DecidedPhoto) -> bool:
    try:
        return hashlib.sha256(photo.path.read_bytes()).hexdigest() == photo.sha256
    except OSError:
        return False


def item_type_of(decision: DeskDecision, category: Category, defaults: Mapping[str, str]) -> tuple[str, bool]:
    """The item type, and whether anybody stated it: the item's answers, else `defaults`, else the category's first."""
    answered = (decision.item.answers or {}).get("item_type")
    if answered in category.item_types:
        return str(answered), True
    if category.name in defaults:
        return defaults[category.name], True
    return category.item_types[0], len(category.item_types) == 1


def _provenance(sha256: str, photo: _Photo, record: Record | None, before: PhotoProvenance | None) -> PhotoProvenance:
    if before is None:
        before = PhotoProvenance(id=record.id if record else sha256, sha256=sha256, other_votes=_votes_of(record))
    seen = {s.inspection: s for s in before.inspections} | {s.inspection: s for s in photo.inspections}
    return replace(before, inspections=tuple(seen.values()))


def _votes_of(record: Record | None) -> tuple[str, ...]:
    """The votes of a record; a condition that nobody voted for counts as one."""
    if record is None:
        return ()
    return record.votes or ((record.condition,) if record.condition else ())


def _new_record(
    photo: _Photo, category: str, item_type: str, places: SplitAssignments, options: ExportOptions
) -> Record:
    stored = photo.stored
    return Record(
        id=stored.sha256,
        file=stored.path,
        sha256=stored.sha256,
        category=category,
        item_type=item_type,
        width=stored.width,
        height=stored.height,
        group=places.photos[stored.sha256].group,
        split=places.photos[stored.sha256].split,
        source=options.source,
        licence=options.licence,
    )


def _labelled(record: Record, photo: _Photo, provenance: PhotoProvenance) -> Record:
    """`record` with all votes there are, the condition that follows, and the boxes that reviewers stated last."""
    votes = provenance.votes
    condition = majority(votes)
    own = [s for s in provenance.inspections if s.scope != "unknown" and s.settled]
    if not provenance.other_votes and len(own) == 1 and own[0].condition != condition:
        # The desk went against the votes, or settled what they left open: its word is the label, and the votes, of
        # which a manifest demands that they say the same, stay in the provenance.
        votes, condition = (), own[0].condition
    stated = [label for label in photo.labels if label.boxes_from is not None]
    if stated:
        record = replace(record, defects=stated[-1].defects, defect_codes=stated[-1].defect_codes)
    return replace(record, votes=votes, condition=condition)
