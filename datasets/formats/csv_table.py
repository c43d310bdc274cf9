"""A table in CSV: a row a photo, or a row a box where a photo has several.

    file,condition,votes,group,split,label,severity,x1,y1,x2,y2
    a.jpg,damaged,damaged|damaged,order-17,train,hole,major,120,80,190,150
    a.jpg,,,,,stain,minor,20,30,60,90
    b.jpg,opened,,,,,,,,,

Only `file` is needed. `label` is a defect type, an item type or a condition; the box is in pixels of the upright
photo. Votes and defect codes are divided by `|`. What is said of a photo in one row may be left out in its others.
The file is UTF-8; columns are divided by commas, or semicolons where the heading has no comma.
"""

import csv
import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regrade.datasets.category import Category
from regrade.datasets.formats.draft import STATED, Draft, LabelledBox, Stated
from regrade.datasets.formats.files import SourceFolder, file_name, read_text
from regrade.datasets.manifest import Record
from regrade.models.errors import DatasetError
from regrade.models.types import Box

_BOX = ("x1", "y1", "x2", "y2")
COLUMNS: tuple[str, ...] = ("file", *STATED, "label", "severity", *_BOX)
_MANY = ("votes", "defect_codes")
_TAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass
class _Photo:
    where: str
    values: dict[str, str] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    boxes: list[LabelledBox] = field(default_factory=list)


def read(source: SourceFolder) -> list[Draft]:
    """The drafts of all photos in the table; of a folder, in the one `.csv` file that it has."""
    file = source.given
    if file.is_dir():
        tables = sorted(p for p in file.glob("*.csv") if not p.name.startswith("."))
        if len(tables) != 1:
            raise DatasetError(f"{file}: holds {len(tables)} .csv files; name the one to import")
        file = tables[0]
    photos: dict[str, _Photo] = {}
    for where, row in _rows(file):
        if not row.get("file"):
            raise DatasetError(f"{where}: file: empty; name the photo")
        _add(photos.setdefault(row["file"], _Photo(where)), row, where)
    if not photos:
        raise DatasetError(f"{file}: has no rows below its heading")
    return [
        Draft(
            file=source.find(name, f"{photo.where}: file", (file.parent, file.parent / "images")),
            where=photo.where,
            stated=_stated(photo),
            labels=(tuple(photo.labels),) if photo.labels else (),
            boxes=tuple(photo.boxes),
        )
        for name, photo in photos.items()
    ]


def _rows(file: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row stands, and its values by column; empty ones and blank rows are left out."""
    text = read_text(file)
    heading = text.partition("\n")[0]
    delimiter = ";" if ";" in heading and "," not in heading else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        for column in columns:
            if column not in COLUMNS:
                raise DatasetError(f"{file}:1: unknown column '{column}'; legal columns: {', '.join(COLUMNS)}")
            if columns.count(column) > 1:
                raise DatasetError(f"{file}:1: column '{column}' stands twice")
        if "file" not in columns:
            raise DatasetError(f"{file}:1: no column 'file'; it names the photo of each row")
        for row in reader:
            where = f"{file}:{reader.line_num}"
            if not any(row):
                continue
            if len(row) != len(columns):
                raise DatasetError(f"{where}: has {len(row)} values for {len(columns)} columns")
            yield where, {c: v.strip() for c, v in zip(columns, row, strict=True) if v.strip()}
    except csv.Error as error:
        raise DatasetError(f"{file}:{reader.line_num}: not valid CSV: {error}") from None


def _add(photo: _Photo, row: Mapping[str, str], where: str) -> None:
    for name in STATED:
        value = row.get(name)
        if value is not None and photo.values.setdefault(name, value) != value:
            before = photo.values[name]
            raise DatasetError(f"{where}: {name}: '{value}', but '{before}' in another row of the same photo")
    given = [name for name in _BOX if name in row]
    label = row.get("label")
    if given and len(given) < len(_BOX):
        raise DatasetError(f"{where}: a box needs {', '.join(_BOX)}; only {', '.join(given)} given")
    if given and label is None:
        raise DatasetError(f"{where}: label: empty, but there is a box; name what is in it")
    if label is not None and given:
        box: Box = (_number(row, "x1", where), _number(row, "y1", where), *_far_corner(row, where))
        photo.boxes.append(LabelledBox(label, box, where, row.get("severity")))
    elif label is not None:
        photo.labels.append(label)


def _far_corner(row: Mapping[str, str], where: str) -> tuple[float, float]:
    return _number(row, "x2", where), _number(row, "y2", where)


def _number(row: Mapping[str, str], name: str, where: str) -> float:
    try:
        return float(row[name])
    except ValueError:
        raise DatasetError(f"{where}: {name}: '{row[name]}' is not a number") from None


def _stated(photo: _Photo) -> Stated:
    values: dict[str, Any] = dict(photo.values)
    for name in _MANY:
        if name in values:
            values[name] = tuple(part.strip() for part in values[name].split("|") if part.strip())
    if "tag" in values:
        if values["tag"].lower() not in _TAGS:
            raise DatasetError(f"{photo.where}: tag: '{values['tag']}'; legal values: true, false")
        values["tag"] = _TAGS[values["tag"].lower()]
    return Stated(**values)


def write(records: Sequence[Record], categories: Mapping[str, Category], folder: Path) -> None:
    """`table.csv` and `images/`."""
    (folder / "images").mkdir()
    with (folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        for record in records:
            photo = f"images/{file_name(record.id)}{record.file.suffix}"
            shutil.copyfile(record.file, folder / photo)
            table.writerows(_photo_rows(record, photo))


def _photo_rows(record: Record, photo: str) -> Iterator[dict[str, Any]]:
    stated = {name: getattr(record, name) for name in STATED}
    for name in _MANY:
        stated[name] = "|".join(stated[name])
    stated["tag"] = {True: "true", False: "false", None: ""}[record.tag]
    boxes: list[dict[str, Any]] = []
    boxes += [{"label": i.type, **dict(zip(_BOX, i.box, strict=True))} for i in record.items]
    for d in record.defects:
        boxes.append({"label": d.type, "severity": d.severity, **dict(zip(_BOX, d.box, strict=True))})
    for n, box in enumerate(boxes or [{}]):
        yield {"file": photo, **(stated if n == 0 else {}), **box}
