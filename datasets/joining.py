"""Several datasets as one: their photos side by side in a new folder, labels that came later put in."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from regrade.datasets.atomic import new_folder
from regrade.datasets.manifest import MANIFEST_NAME, DefectBox, Record, read_manifest, write_manifest
from regrade.datasets.validation import dataset_error
from regrade.models.errors import DatasetError

_PHOTOS: Final = "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterLabels:
    """What somebody said of a photo after its manifest was written: the fields of `Record` of the same names."""

    __pydantic_config__ = ConfigDict(extra="ignore", allow_inf_nan=False)

    id: str
    condition: str | None = None
    votes: tuple[str, ...] = ()
    defect_codes: tuple[str, ...] = ()
    defects: tuple[DefectBox, ...] = ()
    tag: bool | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """What came together: `photos` in all, so many of them `labelled` anew, so many `copies` left out."""

    photos: int
    labelled: int
    copies: int


_LABELS = TypeAdapter(LaterLabels)


def read_labels(path: Path) -> dict[str, LaterLabels]:
    """Labels by the photo's id from a JSON-lines file. Raises `DatasetError` naming file, line and field."""
    found: dict[str, LaterLabels] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not read: {error}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            labels = _LABELS.validate_json(line)
        except ValidationError as error:
            raise dataset_error(f"{path}:{number}", error, tuple(LaterLabels.__dataclass_fields__)) from None
        if labels.id in found:
            raise DatasetError(f"{path}:{number}: labels {labels.id} a second time; keep one line for each photo")
        found[labels.id] = labels
    return found


def join(
    manifests: Sequence[Path], labels: Sequence[Path], out: Path, tick: Callable[[], None] = lambda: None
) -> Joined:
    """Write the photos of `manifests` as one dataset to the new folder `out`, wholly or not at all.

    Photos are hard-linked where the file system can, and copied elsewhere. The same photo twice is taken once, as the
    first manifest has it. `labels` (`read_labels`) replace those of photos that nobody graded. A group's name that two
    manifests use for photos of their own is made two names: groups hold what must not be parted. `tick` is called for
    each photo. Raises `DatasetError`: an id that stands for two photos, labels of a photo that is not there, or of one
    that has some.
    """
    records, copies = _together([read_manifest(path) for path in manifests])
    later = [(path, read_labels(path)) for path in labels]
    records, count = _labelled(records, later)
    with new_folder(out) as folder:
        (folder / _PHOTOS).mkdir()
        placed = []
        for record in records:
            file = folder / _PHOTOS / f"{record.sha256[:24]}{record.file.suffix.lower()}"
            _place(record.file, file)
            placed.append(replace(record, file=file))
            tick()
        write_manifest(folder / MANIFEST_NAME, placed)
    return Joined(len(records), count, copies)


def _together(datasets: Iterable[Sequence[Record]]) -> tuple[list[Record], int]:
    found: dict[str, Record] = {}
    by_id: dict[str, Record] = {}
    owner: dict[str, int] = {}
    copies = 0
    for number, records in enumerate(datasets):
        for record in records:
            if record.sha256 in found:
                copies += 1
                continue
            if record.id in by_id:
                raise DatasetError(f"id {record.id} stands for two photos, {by_id[record.id].file} and {record.file}")
            group = record.group
            if owner.setdefault(group, number) != number:
                group = f"{record.group}#{number + 1}"
            by_id[record.id] = found[record.sha256] = replace(record, group=group)
    return list(found.values()), copies


def _labelled(
    records: Sequence[Record], files: Iterable[tuple[Path, Mapping[str, LaterLabels]]]
) -> tuple[list[Record], int]:
    by_id = {record.id: record for record in records}
    count = 0
    for path, labels in files:
        for name, said in labels.items():
            if name not in by_id:
                raise DatasetError(f"{path}: labels {name}, which is in no manifest; name its manifest too")
            if by_id[name].votes:
                raise DatasetError(f"{path}: labels {name}, which has votes already; remove one of them")
            changes = {f: getattr(said, f) for f in LaterLabels.__dataclass_fields__ if f != "id"}
            by_id[name] = _checked(replace(by_id[name], **changes), path)
            count += 1
    return [by_id[record.id] for record in records], count


_RECORD = TypeAdapter(Record)


def _checked(record: Record, path: Path) -> Record:
    """`record` if it is a legal one; its labels were read without the vocabularies that a record holds to."""
    try:
        _RECORD.validate_json(json.dumps(_RECORD.dump_python(record, mode="json")))
    except ValidationError as error:
        raise dataset_error(f"{path}: {record.id}", error, tuple(Record.__dataclass_fields__)) from None
    return record


def _place(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without hard links.
        shutil.copyfile(source, target)
