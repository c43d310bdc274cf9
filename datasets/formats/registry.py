"""Name of a format → what reads and writes it. A new format is one module and one line here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from regrade.datasets.category import Category
from regrade.datasets.formats import coco, csv_table, imagefolder, label_studio, yolo
from regrade.datasets.formats.draft import Draft
from regrade.datasets.formats.files import SourceFolder
from regrade.datasets.manifest import Record
from regrade.models.errors import DatasetError

Write = Callable[[Sequence[Record], Mapping[str, Category], Path], None]


@dataclass(frozen=True, slots=True)
class DatasetFormat:
    """`read` gives the drafts of all photos, or raises `DatasetError`; `write` fills an empty folder."""

    title: str
    read: Callable[[SourceFolder], list[Draft]]
    write: Write
    carries: str
    """What survives a way out and back, for people."""


FORMATS: Mapping[str, DatasetFormat] = {
    "imagefolder": DatasetFormat(
        "Folders named by condition, with or without split folders above",
        imagefolder.read,
        imagefolder.write,
        "condition, split, group",
    ),
    "coco": DatasetFormat("COCO JSON", coco.read, coco.write, "everything"),
    "yolo": DatasetFormat(
        "YOLO or Roboflow: data.yaml, images, labels",
        yolo.read,
        yolo.write,
        "boxes (not their severity), split",
    ),
    "label-studio": DatasetFormat("Label Studio JSON", label_studio.read, label_studio.write, "everything"),
    "csv": DatasetFormat("A table, a row a photo or box", csv_table.read, csv_table.write, "everything"),
}


def format_of(name: str) -> DatasetFormat:
    """The format called `name`. Raises `DatasetError` listing those there are."""
    if name not in FORMATS:
        raise DatasetError(f"unknown format '{name}'; there are: {', '.join(FORMATS)}")
    return FORMATS[name]
