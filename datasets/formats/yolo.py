"""YOLO as ultralytics and Roboflow write it: `data.yaml`, photos in `images/`, a text file a photo in `labels/`.

    data.yaml       names: [shoes, hole, stain]   train: train/images   val: valid/images   test: test/images
    valid/labels/a.txt      1 0.5 0.5 0.2 0.1     class, then centre, width and height as shares of the photo

Classes are defect types and item types. A class named like a condition is understood as well: the worst that is on a
photo is its condition. Polygons are read as the boxes around them. A photo without a text file has no boxes.
The format has no place for labels of a whole photo, nor for severity: an export loses them.
"""

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from regrade.datasets.category import Category
from regrade.datasets.formats.draft import Draft, LabelledBox, Stated
from regrade.datasets.formats.files import SourceFolder, file_name, is_photo, read_text, walk
from regrade.datasets.manifest import SPLITS, Record
from regrade.models.errors import DatasetError
from regrade.models.types import Box

_KEYS = {"train": "train", "val": "val", "valid": "val", "test": "test"}


def read(source: SourceFolder) -> list[Draft]:
    """The drafts of all photos that `data.yaml` leads to."""
    file = source.given if source.given.is_file() else source.path / "data.yaml"
    document = _read_yaml(file)
    names = _names(document, file)
    root = document.get("path") or "."
    drafts = []
    for key, split in _KEYS.items():
        places = document.get(key) or []
        for place in places if isinstance(places, list) else [places]:
            folder = _image_folder(source, file, str(root), str(place), key)
            drafts += list(_read_split(source, folder, names, split))
    if not drafts:
        raise DatasetError(f"{file}: train, val and test lead to no photo")
    return drafts


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(read_text(file))
    except yaml.YAMLError as error:
        raise DatasetError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise DatasetError(f"{file}: must hold names, train and val")
    return document


def _names(document: Mapping[str, Any], file: Path) -> dict[int, str]:
    """Class number → name; `names` is a list, or a mapping from numbers."""
    names = document.get("names")
    found = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(found, dict) or not found or not all(isinstance(k, int) for k in found):
        raise DatasetError(f"{file}: names: must be a list of class names, or a mapping from their numbers")
    return {number: str(name) for number, name in found.items()}


def _image_folder(source: SourceFolder, file: Path, root: str, place: str, key: str) -> Path:
    """Where the photos of a split are. `../train/images` is Roboflow's way to say `train/images`."""
    tried = []
    for base in (file.parent / root, file.parent):
        for name in (place, re.sub(r"^(\.\./)+", "", place)):
            path = base / PurePosixPath(name.replace("\\", "/"))
            if source.inside(path):
                tried.append(str(path))
                if path.is_dir():
                    return path
    looked = f"looked in {', '.join(dict.fromkeys(tried))}" if tried else f"it lies outside {source.path}"
    raise DatasetError(f"{file}: {key}: no folder of photos at '{place}'; {looked}. Take the line out if there is none")


def _read_split(source: SourceFolder, folder: Path, names: Mapping[int, str], split: str) -> Iterator[Draft]:
    for photo in walk(folder):
        if not is_photo(photo):
            continue
        if not source.inside(photo):
            raise DatasetError(f"{photo}: a link out of {source.path}; copy the photo there")
        labels = _label_file(photo, source.path)
        yield Draft(
            file=photo,
            where=str(photo),
            stated=Stated(split=split),
            boxes=tuple(_read_labels(labels, names)) if labels.is_file() else (),
        )


def _label_file(photo: Path, root: Path) -> Path:
    """The last folder `images` of the path is `labels` there; without one, the text lies beside the photo."""
    parts = list(photo.relative_to(root).with_suffix(".txt").parts)
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[-2::-1].index("images")
        parts[last] = "labels"
    return root.joinpath(*parts)


def _read_labels(file: Path, names: Mapping[int, str]) -> Iterator[LabelledBox]:
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        kind, *coordinates = line.split()
        try:
            label, values = int(kind), [float(value) for value in coordinates]
        except ValueError:
            raise DatasetError(f"{where}: '{line.strip()}' is not a class number and coordinates") from None
        if label not in names:
            legal = ", ".join(f"{n} ({name})" for n, name in names.items())
            raise DatasetError(f"{where}: no class {label} in data.yaml; there are {legal}")
        yield LabelledBox(names[label], _box(values, where), where, relative=True)


def _box(values: Sequence[float], where: str) -> Box:
    if not all(math.isfinite(v) for v in values):
        raise DatasetError(f"{where}: coordinates must be finite numbers")
    if len(values) == 4:
        x, y, w, h = values
        return x - w / 2, y - h / 2, x + w / 2, y + h / 2
    if len(values) >= 6 and len(values) % 2 == 0:
        xs, ys = values[::2], values[1::2]
        return min(xs), min(ys), max(xs), max(ys)
    raise DatasetError(f"{where}: has {len(values)} coordinates; a box has 4, a polygon 6 or more, two a corner")


def write(records: Sequence[Record], categories: Mapping[str, Category], folder: Path) -> None:
    """`data.yaml`, `SPLIT/images/ID.jpg` and `SPLIT/labels/ID.txt`; class numbers follow the definitions."""
    used = [categories[name] for name in sorted({r.category for r in records})]
    names = [name for c in used for name in (*c.item_types, *c.defect_names)]
    names += [item.type for r in records for item in r.items]
    numbers = {name: n for n, name in enumerate(dict.fromkeys(names))}
    for record in records:
        images, labels = (folder / record.split / part for part in ("images", "labels"))
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        name = file_name(record.id)
        shutil.copyfile(record.file, images / (name + record.file.suffix))
        boxes = [*((i.type, i.box) for i in record.items), *((d.type, d.box) for d in record.defects)]
        lines = (_line(numbers[kind], box, record) for kind, box in boxes)
        (labels / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    places = {s: f"{s}/images" for s in SPLITS if (folder / s).is_dir()}
    # Tools insist on both keys.
    document = {"train": "train/images", "val": "val/images", **places, "names": list(numbers)}
    for split in ("train", "val"):
        (folder / split / "images").mkdir(parents=True, exist_ok=True)
    (folder / "data.yaml").write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _line(number: int, box: Box, record: Record) -> str:
    x1, y1, x2, y2 = box
    w, h = record.width, record.height
    shares = ((x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h)
    return f"{number} {' '.join(f'{share:.9g}' for share in shares)}\n"
