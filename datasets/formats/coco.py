"""COCO JSON, the object detection format of cocodataset.org.

Categories are defect types and item types (`supercategory` "defect" and "item" tell them apart for people). COCO has
no labels of whole images, so `condition` and the other fields of `draft.Stated` are `attributes` of an image:

    {"id": 7, "file_name": "images/a.jpg", "width": 640, "height": 480,
     "attributes": {"condition": "used", "votes": ["used", "used"], "group": "order-17", "split": "train"}}

A category named like a condition is understood as well: the worst that is on an image is its condition, wherever its
box is. An annotation's `attributes.severity` is that of the defect; by its `attributes.rotation` a box is turned, and
the upright box around it is read.

Read are: one file; `annotations.json` or `annotations/*.json` of a folder; Roboflow's `SPLIT/_annotations.coco.json`.
A split is taken from the attributes, or the folder, or the file's name (`instances_val.json`).
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from regrade.datasets.category import Category
from regrade.datasets.formats.draft import STATED, Draft, LabelledBox, Stated
from regrade.datasets.formats.files import SourceFolder, file_name, read_json, split_of, walk
from regrade.datasets.formats.turned import upright_around, within
from regrade.datasets.manifest import Record
from regrade.models.errors import DatasetError
from regrade.models.types import Box

_LENIENT = ConfigDict(extra="ignore", strict=True)
_Id = int | str
_NOTHING = Stated()


@dataclass(frozen=True, slots=True)
class _Image:
    __pydantic_config__ = _LENIENT

    id: _Id
    file_name: Annotated[str, Field(min_length=1)]
    # CVAT writes 0 where it does not know the size.
    width: Annotated[int, Field(ge=0)] | None = None
    height: Annotated[int, Field(ge=0)] | None = None
    attributes: Stated = _NOTHING


@dataclass(frozen=True, slots=True)
class _BoxAttributes:
    __pydantic_config__ = _LENIENT

    severity: str | None = None
    rotation: Any = 0
    """In degrees clockwise about the middle of `bbox`, which is the box before it was turned: as CVAT has it."""


@dataclass(frozen=True, slots=True)
class _Annotation:
    __pydantic_config__ = _LENIENT

    image_id: _Id
    category_id: int
    bbox: tuple[float, float, float, float] | tuple[()] | None = None
    attributes: _BoxAttributes = _BoxAttributes()


@dataclass(frozen=True, slots=True)
class _Category:
    __pydantic_config__ = _LENIENT

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class _Document:
    __pydantic_config__ = _LENIENT

    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation] = field(default_factory=list)


_DOCUMENT = TypeAdapter(_Document)


def read(source: SourceFolder) -> list[Draft]:
    """The drafts of all images of all annotation files."""
    return [draft for file in _annotation_files(source) for draft in _read_file(source, file)]


def _annotation_files(source: SourceFolder) -> list[Path]:
    if source.given.is_file():
        return [source.given]
    root = source.path
    files = [
        p for p in walk(root) if p.suffix.lower() == ".json" and (p.parent == root or p.parent.name == "annotations")
    ]
    files += [p for p in walk(root) if p.name == "_annotations.coco.json" and p not in files]
    if not files:
        raise DatasetError(f"{root}: no annotations.json, annotations/*.json or SPLIT/_annotations.coco.json")
    return files


def _read_file(source: SourceFolder, file: Path) -> Iterator[Draft]:
    document = read_json(file, _DOCUMENT)
    names: dict[int, str] = {}
    for n, category in enumerate(document.categories):
        if names.setdefault(category.id, category.name) != category.name:
            raise DatasetError(f"{file}: categories[{n}].id: {category.id} is that of '{names[category.id]}' too")
    boxes: dict[_Id, list[LabelledBox]] = {}
    labels: dict[_Id, list[str]] = {}
    sizes = {image.id: _size(image) for image in document.images}
    for n, image in enumerate(document.images):
        if image.id in boxes:
            raise DatasetError(f"{file}: images[{n}].id: {image.id!r} stands twice; ids must differ")
        boxes[image.id], labels[image.id] = [], []
    for n, annotation in enumerate(document.annotations):
        where = f"{file}: annotations[{n}]"
        if annotation.image_id not in boxes:
            raise DatasetError(f"{where}.image_id: no image has the id {annotation.image_id!r}")
        if annotation.category_id not in names:
            legal = ", ".join(f"{i} ({name})" for i, name in names.items())
            raise DatasetError(f"{where}.category_id: no category {annotation.category_id}; there are {legal}")
        name = names[annotation.category_id]
        if annotation.bbox:
            box = _box(annotation.bbox, annotation.attributes.rotation, sizes[annotation.image_id], where)
            severity = annotation.attributes.severity
            boxes[annotation.image_id].append(LabelledBox(name, box, f"{where}.bbox", severity))
        else:
            labels[annotation.image_id].append(name)
    split = _split_of_file(source, file)
    places = [file.parent, file.parent / "images", source.path / "images", source.path, file.parent / file.stem]
    if split is not None:
        places += [p for p in sorted(source.path.iterdir()) if p.is_dir() and split in _words(p.name)]
    for n, image in enumerate(document.images):
        where = f"{file}: images[{n}]"
        stated = image.attributes
        if stated.split is None and split is not None:
            stated = Stated(**{**asdict(stated), "split": split})
        yield Draft(
            file=source.find(image.file_name, f"{where}.file_name", places),
            where=where,
            stated=stated,
            labels=(tuple(labels[image.id]),) if labels[image.id] else (),
            boxes=tuple(boxes[image.id]),
            size=sizes[image.id],
        )


def _size(image: _Image) -> tuple[int, int] | None:
    return (image.width, image.height) if image.width and image.height else None


def _box(bbox: tuple[float, float, float, float], rotation: object, size: tuple[int, int] | None, where: str) -> Box:
    x, y, w, h = bbox
    box: Box = (x, y, x + w, y + h)
    if isinstance(rotation, bool) or not isinstance(rotation, (int, float)) or not rotation:
        return box
    if size is None:
        raise DatasetError(
            f"{where}.attributes.rotation: a turned box needs the width and height of its image; draw it upright"
        )
    return within(upright_around(box, rotation, (x + w / 2, y + h / 2)), *size)


def _split_of_file(source: SourceFolder, file: Path) -> str | None:
    """The split that the file's name or its folder says."""
    words = _words(file.stem) if file.parent == source.path else {*_words(file.parent.name), *_words(file.stem)}
    return next((split for word in sorted(words) if (split := split_of(word))), None)


def _words(name: str) -> set[str]:
    return {split_of(word) or word for word in re.findall(r"[a-z]+", name.lower())}


def write(records: Sequence[Record], categories: Mapping[str, Category], folder: Path) -> None:
    """`annotations.json` and `images/`. Category ids follow the definitions, so that they hold over exports."""
    (folder / "images").mkdir()
    used = [categories[name] for name in sorted({r.category for r in records})]
    kinds = {name: "item" for c in used for name in c.item_types}
    kinds |= {item.type: "item" for r in records for item in r.items}
    kinds |= {name: "defect" for c in used for name in c.defect_names}
    ids = {name: n for n, name in enumerate(kinds, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, record in enumerate(records, start=1):
        photo = f"images/{file_name(record.id)}{record.file.suffix}"
        shutil.copyfile(record.file, folder / photo)
        values = {name: getattr(record, name) for name in STATED}
        attributes = {name: value for name, value in values.items() if value not in (None, (), "")}
        size = {"width": record.width, "height": record.height}
        images.append({"id": number, "file_name": photo, **size, "attributes": attributes})
        boxes: list[tuple[str, Box, dict[str, str]]] = [(i.type, i.box, {}) for i in record.items]
        boxes += [(d.type, d.box, {"severity": d.severity}) for d in record.defects]
        for name, (x1, y1, x2, y2), more in boxes:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": ids[name],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "segmentation": [],
                    "iscrowd": 0,
                    "attributes": more,
                }
            )
    document = {
        "info": {"description": "exported by regrade"},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": ids[n], "name": n, "supercategory": kind} for n, kind in kinds.items()],
    }
    (folder / "annotations.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
