"""The manifest of a dataset: one JSON object a photo, in a `.jsonl` file beside the photos.

Fields are those of `Record`. What the reader demands is form (fields, types, closed vocabularies that hold
for every dataset); what the photos and the category definitions must agree on is for `checks`.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from regrade.datasets.validation import dataset_error, one_of
from regrade.models.errors import DatasetError
from regrade.models.files import write_atomically
from regrade.models.types import CONDITIONS, Box

MANIFEST_NAME = "bench.jsonl"
CORRECTED_NAME: Final = "bench-v2.jsonl"
"""A second version of the same photos' records, with corrected groups, splits and labels: where it is, it is read."""
SPLITS: tuple[str, ...] = ("train", "val", "test")
SEVERITIES: tuple[str, ...] = ("minor", "major")
UNUSABLE = "unusable"
"""A vote that the photo cannot be graded at all; never a condition."""

_Text = Annotated[str, StringConstraints(min_length=1)]
_Condition = Annotated[str, AfterValidator(one_of("condition", CONDITIONS))]
_Vote = Annotated[str, AfterValidator(one_of("vote", (*CONDITIONS, UNUSABLE)))]
_Severity = Annotated[str, AfterValidator(one_of("severity", SEVERITIES))]
_Split = Annotated[str, AfterValidator(one_of("split", SPLITS))]
_Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
_Side = Annotated[int, Field(ge=1)]
_FORBID = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class DefectBox:
    """A defect that a labeller drew: `box` in pixels of the upright photo, `severity` minor or major."""

    __pydantic_config__ = _FORBID

    type: _Text
    severity: _Severity
    box: Box


@dataclass(frozen=True, slots=True)
class ItemBox:
    """A box around a whole item (a phone, a package), in pixels of the upright photo."""

    __pydantic_config__ = _FORBID

    type: _Text
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One photo of a dataset with what is known about it.

    `condition` is the majority of `votes`, None where they all differ or nobody has voted. `votes` holds the
    single votes in the order of the labelling passes. `defect_codes` are rubric codes, most named first.
    No box in `defects` does not mean no damage. `group` joins near-duplicates and must not be split.
    `tag` says whether a retail tag or polybag is visible, None where nobody looked. `view` is how much of the item
    the photo shows (`texture`: a close-up of its surface, `scrap`: a piece torn off); `decidable` whether the
    conditions can be told apart on it, `damage_decidable` whether damage can; None where nobody looked.
    `licence_evidence` is where the licence stands, `augmented` and `aspect_stretched` what its source did to the photo.
    """

    __pydantic_config__ = _FORBID

    id: _Text
    file: Path
    """Absolute once read; relative to the manifest's folder in the file."""
    sha256: _Sha256
    category: _Text
    item_type: _Text
    width: _Side
    height: _Side
    group: _Text
    split: _Split
    source: _Text
    licence: _Text
    repo: str = ""
    blob: str = ""
    condition: _Condition | None = None
    votes: tuple[_Vote, ...] = ()
    defect_codes: tuple[_Text, ...] = ()
    defects: tuple[DefectBox, ...] = ()
    items: tuple[ItemBox, ...] = ()
    tag: bool | None = None
    view: Literal["whole", "part", "texture", "scrap"] | None = None
    decidable: bool | None = None
    damage_decidable: bool | None = None
    licence_evidence: str = ""
    augmented: str | None = None
    aspect_stretched: bool | None = None

    @property
    def gradable(self) -> bool:
        """Whether it has a condition, and shows enough for one to be told: what heads are fitted and scored on."""
        return self.condition is not None and self.decidable is not False

    @property
    def largest_item(self) -> Box | None:
        """The box of the largest item on the photo, which is what was photographed; None where none is drawn."""
        boxes = (item.box for item in self.items)
        return max(boxes, key=lambda b: (b[2] - b[0]) * (b[3] - b[1]), default=None)

    def largest_item_at(self, width: int) -> Box | None:
        """`largest_item` in the pixels of a copy of the photo that is `width` pixels wide."""
        box = self.largest_item
        return None if box is None else scaled(box, width / self.width)


def scaled(box: Box, scale: float) -> Box:
    """`box` in the pixels of a copy that is `scale` times as large."""
    return box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale


_RECORD = TypeAdapter(Record)
FIELDS: tuple[str, ...] = tuple(Record.__dataclass_fields__)
_LOOKED_AT: Final = ("view", "decidable", "damage_decidable", "licence_evidence", "augmented", "aspect_stretched")
"""Fields that are written only where somebody has filled them in."""


def read_manifest(path: Path) -> list[Record]:
    """The records of a manifest, in the order of the file.

    `path` is a `.jsonl` file or a folder that holds one (`locate_manifest`). Raises `DatasetError` naming file, line
    and field (with the legal values of a closed vocabulary) at the first thing that is wrong.
    """
    file = locate_manifest(path)
    folder = file.parent.resolve()
    records = []
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            records.append(_read_line(line, f"{file}:{number}", folder))
    if not records:
        raise DatasetError(f"{file}: holds no record; a manifest has one JSON object a line")
    return records


def _read_line(line: str, where: str, folder: Path) -> Record:
    try:
        record = _RECORD.validate_json(line)
    except ValidationError as error:
        raise dataset_error(where, error, FIELDS) from None
    if record.file.is_absolute() or ".." in record.file.parts:
        raise DatasetError(f"{where}: file: must lie below the manifest's folder, got '{record.file}'")
    return replace(record, file=folder / record.file)


def write_manifest(path: Path, records: Iterable[Record]) -> None:
    """Write or replace the manifest `path` in one step. The photos must lie below its folder."""
    folder = path.parent.resolve()
    lines = []
    for record in records:
        row = _RECORD.dump_python(record, mode="json")
        row["file"] = record.file.resolve().relative_to(folder).as_posix()
        row = {name: value for name, value in row.items() if name not in _LOOKED_AT or value not in (None, "")}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_atomically(path, "".join(lines).encode())


def locate_manifest(path: Path | None = None) -> Path:
    """The manifest file that `path` means: itself, or that in the folder, `bench-v2.jsonl` before `bench.jsonl`; None
    means the bench photos. Raises `DatasetError`."""
    if path is None:
        path = find_bench()
        if path is None:
            raise DatasetError("no bench photos found; give a path, or set REGRADE_BENCH to their folder")
    file = path
    if path.is_dir():
        corrected = path / CORRECTED_NAME
        file = corrected if corrected.is_file() else path / MANIFEST_NAME
    if not file.is_file():
        raise DatasetError(f"{file}: no such manifest; give a .jsonl file or a folder with {MANIFEST_NAME}")
    return file


def find_bench() -> Path | None:
    """The folder of the bench photos: `REGRADE_BENCH`, else `../shared/data/bench`, else None.

    The relative place is tried from the project root and from the working directory. Raises `DatasetError`
    where the variable is set to a folder without a manifest: a wrong setting must not pass for no setting.
    """
    named = os.environ.get("REGRADE_BENCH")
    if named:
        folder = Path(named)
        if not (folder / MANIFEST_NAME).is_file():
            raise DatasetError(f"REGRADE_BENCH={named}: holds no {MANIFEST_NAME}; correct or unset it")
        return folder.resolve()
    for base in (Path(__file__).resolve().parent.parent, Path.cwd()):
        folder = base.parent / "shared" / "data" / "bench"
        if (folder / MANIFEST_NAME).is_file():
            return folder.resolve()
    return None
