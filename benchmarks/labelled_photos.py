"""The labelled photos that figures rest on: the bench's, corrected, and those of other sources beside them."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regrade.datasets.manifest import MANIFEST_NAME, Record, locate_manifest, read_manifest

FEW_GROUPS = 5


@dataclass(frozen=True)
class LabelledPhotos:
    """`bench` are the photos of the manifest; `more` those of sources that are not in it; `extra` more of its sources,
    labelled by one labeller alone. `fitted` is (id → split) of the bench's first manifest, which bundles were fitted
    by that name it."""

    bench: list[Record]
    more: list[Record]
    extra: list[Record]
    first_splits: dict[str, str]


def labelled_photos(more: Path | None = None) -> LabelledPhotos:
    """All of them; `more` is the folder of the other sources, beside that of the bench unless it is given."""
    manifest = locate_manifest()
    beside = more or manifest.parent.parent / "more"
    labels = {row["id"]: row for row in _rows(beside / "extra-labels.jsonl")}
    extra = [_labelled(r, labels) for r in read_manifest(manifest.parent / "extra.jsonl")]
    first = {row["id"]: row["split"] for row in _rows(manifest.parent / MANIFEST_NAME)}
    return LabelledPhotos(read_manifest(manifest), read_manifest(beside / "more.jsonl"), extra, first)


def _labelled(record: Record, labels: dict[str, dict[str, Any]]) -> Record:
    row = labels.get(record.id, {})
    return replace(record, condition=row.get("condition"), votes=tuple(row.get("votes", ())))


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def strangers(photos: LabelledPhotos, category: str, by_first_manifest: bool) -> tuple[list[Record], list[Record]]:
    """Photos of the category that a bundle was fitted on, and those of the same sources that are nowhere near them.

    `by_first_manifest` where it was fitted by the first manifest, whose groups parted some boxes: what shares a box
    with a photo that it was fitted on is in neither.
    """
    mine = [r for r in photos.bench if r.category == category]
    split = {r.id: photos.first_splits[r.id] if by_first_manifest else r.split for r in mine}
    fitted = [r for r in mine if split[r.id] != "test"]
    near = {r.group for r in fitted}
    return fitted, [r for r in mine if split[r.id] == "test" and r.group not in near]


def resampled_by(records: list[Record]) -> list[str]:
    """What each photo is resampled with: its group, or itself where its source has so few groups that an interval over
    groups would mean nothing."""
    groups: dict[str, set[str]] = {}
    for r in records:
        groups.setdefault(r.source, set()).add(r.group)
    return [f"{r.source}/{r.group if len(groups[r.source]) >= FEW_GROUPS else r.id}" for r in records]
