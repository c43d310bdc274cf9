"""`regrade labels import`: annotations made in another tool → further votes and boxes of a dataset's photos."""

import hashlib
import io
import re
import tempfile
import unicodedata
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

import numpy as np
from PIL import Image

from regrade.datasets.category import Category
from regrade.datasets.checks import majority
from regrade.datasets.formats.assemble import Assembler, Defaults
from regrade.datasets.formats.draft import Draft, Stated
from regrade.datasets.formats.files import SourceFolder, file_name
from regrade.datasets.formats.foreign_labels import refuse_unknown_labels
from regrade.datasets.formats.photos import ImportedPhoto
from regrade.datasets.formats.registry import format_of
from regrade.datasets.formats.vocabulary import Vocabulary
from regrade.datasets.manifest import UNUSABLE, DefectBox, ItemBox, Record
from regrade.datasets.validation import OWN_CATEGORIES
from regrade.labeling.versions.provenance import PhotoProvenance
from regrade.models.errors import DatasetError
from regrade.models.photos.orientation import orientation_of
from regrade.models.types import Box

READERS: Final[Mapping[str, str]] = {"label-studio": "label-studio", "coco": "coco", "cvat": "coco"}
"""What `--format` may be, and the format of `regrade data import` that reads it: CVAT exports COCO."""
BOXES: Final = ("add", "replace")
SAME_BOX: Final = 0.5
"""Intersection over union from which two boxes of one type are the same box drawn twice."""
_UPLOAD: Final = re.compile(r"^[0-9a-f]{8}-(?=.)")
_MOST_BYTES = 1 << 30

AnyBox = TypeVar("AnyBox", DefectBox, ItemBox)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOptions:
    """`boxes` is `add` (a box on one that is there replaces that one, others are kept) or `replace` (the file's boxes
    are all there are of a photo that has any in it). `skip_unknown` passes over photos that the dataset lacks."""

    boxes: str = "add"
    skip_unknown: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Merged:
    """All records of the dataset with their provenance. `votes` and `boxes` were added; `unknown` photos skipped."""

    records: tuple[Record, ...]
    provenance: tuple[PhotoProvenance, ...]
    photos: int
    votes: int
    boxes: int
    unknown: int


class DatasetPhotos(SourceFolder):
    """Finds the photos that annotations name among those of a dataset: by hash, file name or id, wherever they lie."""

    def __init__(self, annotations: Path, records: Sequence[Record], skip_unknown: bool = False) -> None:
        super().__init__(annotations)
        self._skip_unknown = skip_unknown
        self._names: dict[str, set[Path]] = defaultdict(set)
        for record in records:
            name = _normal(record.file.name)
            stem = name.rpartition(".")[0] or name
            for known in {record.sha256, name, stem, _normal(record.id), _normal(file_name(record.id))}:
                self._names[known].add(record.file)

    def find(self, name: str, where: str, places: Iterable[Path]) -> Path:
        """The photo of the dataset that is meant; `places` do not matter.

        Raises `DatasetError` where there is none, or more than one. Where unknown photos are to be skipped, one that
        is not there comes back as a path that no photo has.
        """
        whole = _normal(PurePosixPath(name.replace("\\", "/")).name)
        # Label Studio puts eight digits before the name of an uploaded photo, in its COCO export too.
        asked = (whole, whole.rpartition(".")[0])
        for spelling in (*asked, *(_UPLOAD.sub("", one) for one in asked)):
            found = self._names.get(spelling, set())
            if len(found) > 1:
                raise DatasetError(f"{where}: photo '{name}': {len(found)} photos of the dataset are called so")
            if found:
                return next(iter(found))
        if self._skip_unknown:
            return Path(name)
        raise DatasetError(
            f"{where}: photo '{name}': the dataset has none of this name or hash; "
            "add it first, or pass over such photos with --skip-unknown"
        )


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def merge_labels(
    file: Path,
    kind: str,
    records: Sequence[Record],
    provenance: Mapping[str, PhotoProvenance],
    categories: Mapping[str, Category],
    options: MergeOptions,
) -> Merged:
    """`records` with the votes and boxes that `file` has for them; `kind` is a key of `READERS`.

    Votes that the file carries because it was exported from here are not counted again. Raises `DatasetError` with
    file and element where something is wrong: an unknown photo, label or category, a box outside its photo.
    """
    with _unpacked(file) as annotations:
        drafts = format_of(READERS[kind]).read(DatasetPhotos(annotations, records, options.skip_unknown))
        by_file = {record.file: record for record in records}
        known = vocabularies(records, categories, options.renamed)
        # What is stated beside the labels came out of the dataset, and is not taken from here.
        asked = ((replace(d, stated=Stated()), known[by_file[d.file].category]) for d in drafts if d.file in by_file)
        refuse_unknown_labels(file, asked)
        merged = {record.sha256: record for record in records}
        rows = dict(provenance)
        seen: dict[Path, str] = {}
        photos = votes = boxes = unknown = 0
        for draft in drafts:
            record = by_file.get(draft.file)
            if record is None:
                unknown += 1
                continue
            if draft.file in seen:
                raise DatasetError(f"{draft.where}: photo {record.id} came before, at {seen[draft.file]}")
            seen[draft.file] = draft.where
            said = _assembled(draft, record, categories, options.renamed)
            further = _further_votes(draft, said, record)
            after = _with_boxes(record, said, options.boxes)
            row = rows.get(record.sha256) or PhotoProvenance(id=record.id, sha256=record.sha256)
            before = row.votes or record.votes or ((record.condition,) if record.condition else ())
            if further:
                if not row.votes:
                    row = replace(row, other_votes=before)
                row = replace(row, other_votes=(*row.other_votes, *further))
                decided = majority(row.votes)
                after = replace(after, votes=row.votes, condition=None if decided == UNUSABLE else decided)
                rows[record.sha256] = row
            merged[record.sha256] = after
            votes += len(further)
            boxes += sum(d not in record.defects for d in after.defects) + sum(
                i not in record.items for i in after.items
            )
            photos += after != record
    return Merged(tuple(merged.values()), tuple(rows.values()), photos, votes, boxes, unknown)


def vocabularies(
    records: Iterable[Record], categories: Mapping[str, Category], renamed: Mapping[str, str]
) -> dict[str, Vocabulary]:
    """The names of each category that has photos. Raises `DatasetError` for a category that is not defined."""
    used = sorted({record.category for record in records})
    if undefined := [name for name in used if name not in categories]:
        raise DatasetError(
            f"unknown category '{undefined[0]}'; legal values: {', '.join(categories)}. {OWN_CATEGORIES}"
        )
    return {name: Vocabulary(categories[name], renamed) for name in used}


def digest_of(file: Path) -> str:
    """The SHA-256 of a file, in hex. Raises `DatasetError` where it cannot be read."""
    try:
        # A zip may hold all photos.
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read: {error.strerror}; name the exported file") from None


@contextmanager
def _unpacked(file: Path) -> Iterator[Path]:
    """The annotation file, or a folder of those in the zip that tools let people download."""
    if not zipfile.is_zipfile(file):
        yield file
        return
    try:
        opened = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{file}: is a damaged zip: {error}; download it anew") from None
    with tempfile.TemporaryDirectory() as name, opened as archive:
        members = [m for m in archive.infolist() if m.filename.endswith(".json") and not m.is_dir()]
        if not members:
            raise DatasetError(f"{file}: holds no .json file; export as COCO 1.0 from CVAT, as JSON from Label Studio")
        if sum(m.file_size for m in members) > _MOST_BYTES:
            raise DatasetError(
                f"{file}: unpacks to more than {_MOST_BYTES >> 30} GiB; unpack it and name the .json file"
            )
        alone = Counter(PurePosixPath(m.filename).name for m in members)
        for member in members:
            path = PurePosixPath(member.filename)
            # Exports of several tasks in one zip hold files of the same name, each in a folder.
            own = path.name if alone[path.name] == 1 else file_name("-".join(path.parts))
            try:
                (Path(name) / own).write_bytes(archive.read(member))
            except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
                # RuntimeError is what zipfile raises for a member that needs a password.
                raise DatasetError(f"{file}: {member.filename} cannot be unpacked: {error}; download it anew") from None
        try:
            yield Path(name)
        except DatasetError as error:
            raise DatasetError(str(error).replace(name, str(file))) from None


def _assembled(draft: Draft, record: Record, categories: Mapping[str, Category], renamed: Mapping[str, str]) -> Record:
    """What the draft says of the photo in our names, as a record of its own."""
    stated = draft.stated
    if stated.category not in (None, record.category):
        raise DatasetError(
            f"{draft.where}: is of category '{stated.category}', the dataset has it as {record.category}"
        )
    category, item_type = record.category, record.item_type
    kept = Stated(category=category, item_type=item_type, condition=None if draft.voted else stated.condition)
    defaults = Defaults(source=record.source, licence=record.licence, renamed=renamed)
    photo = _stored(record)
    return Assembler(categories, defaults).record(replace(draft, stated=kept), record.id, photo, record.file)


def _stored(record: Record) -> ImportedPhoto:
    """The photo as the assembler wants it, which is not decoded for it."""
    try:
        data = record.file.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            raw, orientation = image.size, orientation_of(data)
    except OSError as error:
        raise DatasetError(f"{record.file}: {error}; see regrade data check") from None
    size = (record.width, record.height)
    nothing = np.zeros((0, 0, 3), dtype=np.uint8)
    return ImportedPhoto(b"", record.file.suffix, *size, size, raw, orientation, nothing)


def _further_votes(draft: Draft, said: Record, record: Record) -> tuple[str, ...]:
    """The votes in the draft, less those that it carries from the dataset."""
    if draft.voted:
        return _less(said.votes, draft.stated.votes or ())
    if draft.stated.votes is not None:
        return _less(draft.stated.votes, record.votes)
    if said.condition is None or (draft.stated.condition and said.condition == record.condition):
        return ()
    return (said.condition,)


def _less(votes: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    left = Counter(known)
    further = []
    for vote in votes:
        if left[vote] > 0:
            left[vote] -= 1
        else:
            further.append(vote)
    return tuple(further)


def _with_boxes(record: Record, said: Record, how: str) -> Record:
    codes = tuple(dict.fromkeys((*record.defect_codes, *said.defect_codes)))
    if not said.defects and not said.items:
        return replace(record, defect_codes=codes)
    if how == "replace":
        return replace(record, defects=said.defects, items=said.items, defect_codes=codes)
    defects, items = _joined(record.defects, said.defects), _joined(record.items, said.items)
    return replace(record, defects=defects, items=items, defect_codes=codes)


def _joined(old: Sequence[AnyBox], new: Sequence[AnyBox]) -> tuple[AnyBox, ...]:
    def drawn_anew(one: AnyBox) -> bool:
        return any(one.type == other.type and overlap(one.box, other.box) >= SAME_BOX for other in new)

    return tuple([one for one in old if not drawn_anew(one)] + list(new))


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
