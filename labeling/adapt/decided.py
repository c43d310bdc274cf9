"""The desk's decisions as `regrade labels export` makes a dataset of them, and as numbers to fit a head by."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from regrade.datasets.category import Category
from regrade.datasets.manifest import Record
from regrade.labeling.versions.decisions import read_decisions
from regrade.labeling.versions.export import ExportOptions, export_labels
from regrade.labeling.versions.ledger import read_ledger
from regrade.labeling.versions.provenance import InspectionRecord, PhotoProvenance, provenance_text
from regrade.labeling.versions.pseudonyms import label_key
from regrade.labeling.versions.versions import digest_of
from regrade.models.adaptation.votes import Photos, Votes
from regrade.models.registry.bundle import Bundle

ID_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class Decided:
    """Photos of one category that were decided on, with where each label comes from."""

    records: tuple[Record, ...]
    provenance: Mapping[str, PhotoProvenance]

    @property
    def version(self) -> str:
        """What stands for all that was decided: photos, votes, by whom, when and whether blind. 12 hex digits."""
        rows = [self.provenance[r.sha256] for r in self.records]
        said = digest_of(self.records) + provenance_text(rows)
        return hashlib.sha256(said.encode()).hexdigest()[:ID_LENGTH]

    @property
    def files(self) -> dict[str, Path]:
        """SHA-256 → file of each photo."""
        return {record.sha256: record.file for record in self.records}

    @property
    def groups(self) -> int:
        """Items, or what joins several, such as one photo of both."""
        return len({record.group for record in self.records})


def read_decided(data_dir: Path, categories: Mapping[str, Category]) -> dict[str, Decided]:
    """What was decided on the service's items under `data_dir`, by category; what still waits for another look is left
    out, as is what was erased. Nothing is written. Raises `DatasetError`."""
    done = export_labels(
        list(read_decisions(data_dir)),
        [],
        {},
        categories,
        label_key(data_dir),
        ExportOptions(ledger=read_ledger(data_dir)),
    )
    rows = {row.sha256: row for row in done.provenance}
    of: dict[str, list[Record]] = {}
    for record in sorted(done.records, key=lambda r: r.sha256):
        if any(_own(rows[record.sha256])):
            of.setdefault(record.category, []).append(record)
    return {name: Decided(tuple(found), {r.sha256: rows[r.sha256] for r in found}) for name, found in of.items()}


def as_numbers(
    decided: Decided, bundle: Bundle, features: Mapping[str, np.typing.NDArray[np.float32]]
) -> tuple[Photos, Votes]:
    """Photos and votes for the head of `bundle`; a photo without features is left out. `age` is in seconds since 1970.

    Conditions that the bundle does not grade are left out: they were decided under another one.
    """
    records = [r for r in decided.records if r.sha256 in features]
    own = [_own(decided.provenance[r.sha256]) for r in records]
    sizes: dict[str, int] = {}
    for sightings in own:
        for one in sightings:
            sizes[one.inspection] = sizes.get(one.inspection, 0) + 1
    cast = [
        (at, vote.reviewer, bundle.labels.index(vote.condition), vote.blind, vote.decided_at.timestamp())
        for at, sightings in enumerate(own)
        for one in sightings
        for vote in one.votes
        if vote.condition in bundle.labels
    ]
    reviewers = sorted({reviewer for _, reviewer, *_ in cast})
    age = np.zeros(len(records))
    for at, _, _, _, when in cast:
        age[at] = max(age[at], when)
    photos = Photos(
        np.stack([features[r.sha256] for r in records]) if records else np.zeros((0, 1), dtype=np.float32),
        np.array([r.group for r in records], dtype=np.str_),
        age,
        np.array([1.0 / max(sizes[one.inspection] for one in sightings) for sightings in own]),
    )
    votes = Votes(
        np.array([c[0] for c in cast], dtype=np.intp),
        np.array([reviewers.index(c[1]) for c in cast], dtype=np.intp),
        np.array([c[2] for c in cast], dtype=np.intp),
        np.array([c[3] for c in cast], dtype=np.bool_),
        len(records),
        len(reviewers),
        len(bundle.labels),
    )
    return photos, votes


def _own(row: PhotoProvenance) -> Sequence[InspectionRecord]:
    """The inspections whose votes are of this photo itself."""
    return [one for one in row.inspections if one.scope != "unknown" and one.votes]
