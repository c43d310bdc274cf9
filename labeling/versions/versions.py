"""A dataset version: a folder with the photos and labels in some format, and `version/` that says what it is.

    version/VERSION.json       id, counts by category, condition and split, hashes, how it was made
    version/CHANGES.json       what is new since the version that it was made from
    version/provenance.jsonl   where each label comes from

The folder is there wholly or not at all, and never changes afterwards: what is new is a new version.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regrade.datasets.atomic import new_folder
from regrade.datasets.category import Category
from regrade.datasets.formats.registry import format_of
from regrade.datasets.manifest import MANIFEST_NAME, Record, write_manifest
from regrade.datasets.report import UNDECIDED
from regrade.labeling.versions.provenance import FOLDER, PROVENANCE_NAME, PhotoProvenance, provenance_text
from regrade.models.errors import DatasetError

VERSION_NAME = "VERSION.json"
CHANGES_NAME = "CHANGES.json"
FORMATS: tuple[str, ...] = ("jsonl", "coco", "yolo", "label-studio")
_PHOTOS = ".photos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How a version came to be: by which command, from which dataset, with what left out and why."""

    by: str
    previous: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    imported: Sequence[str] = ()
    """SHA-256 of the annotation files that went in, those of earlier versions too."""


@dataclass(frozen=True, slots=True)
class Version:
    """What was written: `summary` is VERSION.json, `changes` CHANGES.json."""

    folder: Path
    summary: Mapping[str, Any]
    changes: Mapping[str, Any]


def write_version(
    out: Path,
    kind: str,
    records: Sequence[Record],
    before: Sequence[Record],
    provenance: Sequence[PhotoProvenance],
    categories: Mapping[str, Category],
    made: Made,
) -> Version:
    """Write `records`, whose photos lie anywhere, to the new folder `out` in the format `kind`.

    Photos are linked where the file system lets them be, else copied. `before` are the records of the version that
    this one was made from. Raises `DatasetError` where a photo is gone, and `out` is then not there.
    """
    if not records:
        raise DatasetError(f"{out}: not written: there is no photo to put into it{_why_none(made.left_out)}")
    ordered = sorted(records, key=lambda r: r.id)
    summary = _summary(ordered, kind, made)
    changes = changed(before, ordered)
    with new_folder(out) as folder:
        if kind == "jsonl":
            write_manifest(folder / MANIFEST_NAME, _with_photos(ordered, folder / "images"))
        else:
            # The formats copy photos under the record's name; here they get the ending that the store does not keep.
            format_of(kind).write(_with_photos(ordered, folder / _PHOTOS), categories, folder)
            shutil.rmtree(folder / _PHOTOS)
        (folder / FOLDER).mkdir()
        (folder / FOLDER / PROVENANCE_NAME).write_text(provenance_text(provenance), encoding="utf-8")
        for name, document in ((VERSION_NAME, summary), (CHANGES_NAME, changes)):
            text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
            (folder / FOLDER / name).write_text(text, encoding="utf-8")
    return Version(out, summary, changes)


def _why_none(left_out: Mapping[str, int]) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
    return f" (left out: {reasons})" if reasons else "; the desk has decided nothing yet"


def _with_photos(records: Sequence[Record], folder: Path) -> list[Record]:
    folder.mkdir()
    placed = []
    for record in records:
        target = folder / (record.sha256 + suffix_of(record.file))
        try:
            _link(record.file, target)
        except FileNotFoundError:
            raise DatasetError(f"{record.id}: no photo at {record.file}; see regrade data check") from None
        placed.append(replace(record, file=target))
    return placed


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except FileNotFoundError:
        raise
    except OSError:
        # Another file system, or one that has no links.
        shutil.copyfile(source, target)


def suffix_of(file: Path) -> str:
    """The ending of a photo's file, `.jpg`, `.png` or `.webp`: by its first bytes where its name has none."""
    if file.suffix:
        return file.suffix.lower()
    with file.open("rb") as opened:
        head = opened.read(12)
    if head.startswith(b"\x89PNG"):
        return ".png"
    return ".webp" if head[8:12] == b"WEBP" else ".jpg"


def digest_of(records: Sequence[Record]) -> str:
    """SHA-256 of all that the records say, whatever the order and wherever the photos lie."""
    rows = [{**asdict(record), "file": None} for record in sorted(records, key=lambda r: r.id)]
    return hashlib.sha256(json.dumps(rows, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _summary(records: Sequence[Record], kind: str, made: Made) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    for record in records:
        by_split = counts.setdefault(record.category, {}).setdefault(record.condition or UNDECIDED, Counter())
        by_split[record.split] += 1
    digest = digest_of(records)
    previous = read_summary(made.previous) if made.previous else {}
    return {
        "version": digest[:12],
        "previous": previous.get("version"),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_by": made.by,
        "options": dict(made.options),
        "format": kind,
        "records_sha256": digest,
        "photos": len(records),
        "groups": len({r.group for r in records}),
        "votes": sum(len(r.votes) for r in records),
        "boxes": sum(len(r.defects) for r in records),
        "splits": dict(sorted(Counter(r.split for r in records).items())),
        "counts": {name: {c: dict(n) for c, n in by.items()} for name, by in sorted(counts.items())},
        "licences": dict(Counter(r.licence for r in records).most_common()),
        "left_out": {reason: count for reason, count in made.left_out.items() if count},
        "imported": list(made.imported),
    }


def changed(before: Sequence[Record], after: Sequence[Record]) -> dict[str, Any]:
    """What is new, gone, or labelled otherwise in `after`, by photo hash."""
    old = {r.sha256: r for r in before}
    new = {r.sha256: r for r in after}
    both = [(old[h], r) for h, r in new.items() if h in old]
    return {
        "added": {
            r.id: {"sha256": h, "condition": r.condition, "split": r.split} for h, r in new.items() if h not in old
        },
        "removed": [r.id for h, r in old.items() if h not in new],
        "condition_changed": {b.id: [a.condition, b.condition] for a, b in both if a.condition != b.condition},
        "votes_changed": {b.id: [list(a.votes), list(b.votes)] for a, b in both if a.votes != b.votes},
        "boxes_changed": [b.id for a, b in both if a.defects != b.defects],
        "split_changed": [b.id for a, b in both if a.split != b.split],
    }


def read_summary(dataset: Path) -> Mapping[str, Any]:
    """VERSION.json of a dataset folder; empty where it has none. Raises `DatasetError` where it is damaged."""
    file = dataset / FOLDER / VERSION_NAME
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{file}: not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise DatasetError(f"{file}: must be a JSON object")
    return found
