"""Where the labels of a dataset come from: `version/provenance.jsonl`, a line for each photo that reviewers decided.

The manifest has no place for it, and training no need: it is for whoever asks later why a photo has its label.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, ConfigDict, Field, TypeAdapter, ValidationError

from regrade.datasets.validation import dataset_error
from regrade.labeling.versions.decisions import DeskDecision
from regrade.labeling.versions.photo_labels import BoxesFrom, PhotoLabel, Scope
from regrade.labeling.versions.pseudonyms import LabelKey

FOLDER = "version"
PROVENANCE_NAME = "provenance.jsonl"
_FORBID = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class CastVote:
    """A reviewer's vote; `reviewer` is the id of the reviewer's key, which says no name."""

    __pydantic_config__ = _FORBID

    reviewer: str
    condition: str
    decided_at: datetime
    kind: str
    blind: bool
    rubric: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionRecord:
    """One inspection that the photo was in, as its photo `index`, and what was decided of the item.

    `condition` is the item's; the votes are the photo's own where `scope` is not unknown. `seller` and `rma` are
    pseudonyms unless names were asked for.
    """

    __pydantic_config__ = _FORBID

    inspection: str
    index: int
    rma: str
    seller: str | None
    sku: str | None
    station: str | None
    condition: str | None
    settled: bool
    scope: Scope
    boxes_from: BoxesFrom | None
    votes: tuple[CastVote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoProvenance:
    """Of one photo. `other_votes` are those that it has from elsewhere than the desk."""

    __pydantic_config__ = _FORBID

    id: str
    sha256: str
    other_votes: tuple[str, ...] = ()
    inspections: Annotated[
        tuple[InspectionRecord, ...], Field(validation_alias=AliasChoices("inspections", "sightings"))
    ] = ()
    """Versions of datasets that were written before 2026-11-28 call them `sightings`."""

    @property
    def votes(self) -> tuple[str, ...]:
        """All votes that are the photo's own, those from elsewhere first."""
        own = (s for s in self.inspections if s.scope != "unknown")
        return (*self.other_votes, *(vote.condition for s in own for vote in s.votes))


_PROVENANCE = TypeAdapter(PhotoProvenance)


def inspection_record(
    decision: DeskDecision, index: int, label: PhotoLabel, key: LabelKey, with_names: bool
) -> InspectionRecord:
    """What is written down of the photo `index` of a decided item."""
    item, seller = decision.item, decision.item.seller
    if not with_names and seller is not None:
        seller = key.pseudonym("seller", seller)
    votes = (
        CastVote(
            reviewer=v.key_id,
            condition=v.condition,
            decided_at=v.decided_at,
            kind=v.kind,
            blind=v.blind,
            rubric=v.rubric,
        )
        for v in decision.looks
    )
    return InspectionRecord(
        inspection=decision.id,
        index=index,
        rma=item.rma if with_names else key.pseudonym("rma", item.rma),
        seller=seller,
        sku=item.sku,
        station=item.station,
        condition=decision.condition,
        settled=decision.settled,
        scope=label.scope,
        boxes_from=label.boxes_from,
        votes=tuple(votes),
    )


def provenance_text(rows: Iterable[PhotoProvenance]) -> str:
    """The lines of the file, sorted by id."""
    plain = (_PROVENANCE.dump_python(row, mode="json") for row in sorted(rows, key=lambda row: row.id))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in plain)


def read_provenance(dataset: Path) -> Mapping[str, PhotoProvenance]:
    """By photo hash, of the dataset folder; empty where it has none. Raises `DatasetError` with the line at fault."""
    file = dataset / FOLDER / PROVENANCE_NAME
    if not file.is_file():
        return {}
    found: dict[str, PhotoProvenance] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = _PROVENANCE.validate_json(line)
        except ValidationError as error:
            raise dataset_error(f"{file}:{number}", error) from None
        found[row.sha256] = row
    return found
