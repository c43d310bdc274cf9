"""Label Studio JSON: a list of tasks, each a photo with the annotations of one or several labellers.

    [{"data": {"image": "/data/upload/3/1f2e3d4c-a.jpg", "group": "order-17", "split": "train"},
      "annotations": [{"result": [
        {"type": "choices", "value": {"choices": ["damaged"]}},
        {"id": "r1", "type": "rectanglelabels",
         "value": {"x": 10, "y": 20, "width": 30, "height": 5, "rotation": 0, "rectanglelabels": ["hole"]}},
        {"id": "r1", "type": "choices", "value": {"x": 10, "choices": ["minor"]}}]}]}]

Choices for the whole photo are conditions, defect types or item types; those for a region are its severity. Boxes are
in per cent of the photo. Each annotation is a labeller's vote, and the majority is the condition; the boxes are those
of the first annotation marked as ground truth, else of the first that has any. Cancelled annotations and predictions
are passed over. Polygons and turned rectangles are read as the boxes around them; turned photos and brushes are
refused. Other fields of `draft.Stated` are read from `data`.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import quoteattr

from pydantic import ConfigDict, TypeAdapter, ValidationError

from regrade.datasets.category import Category
from regrade.datasets.formats.draft import STATED, Draft, LabelledBox, Stated
from regrade.datasets.formats.files import SourceFolder, file_name, read_json
from regrade.datasets.formats.turned import upright_around, within
from regrade.datasets.manifest import SEVERITIES, UNUSABLE, Record
from regrade.datasets.validation import dataset_error
from regrade.models.errors import DatasetError
from regrade.models.types import Box

_LENIENT = ConfigDict(extra="ignore", strict=True)
_UPLOAD = re.compile(r"^[0-9a-f]{8}-(?=.)")
_REGIONS = ("brushlabels", "ellipselabels", "keypointlabels", "rectangle", "polygon", "brush")


@dataclass(frozen=True, slots=True)
class _Value:
    __pydantic_config__ = _LENIENT

    choices: list[str] = field(default_factory=list)
    rectanglelabels: list[str] = field(default_factory=list)
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    points: list[tuple[float, float]] = field(default_factory=list)
    polygonlabels: list[str] = field(default_factory=list)
    rotation: float = 0.0


@dataclass(frozen=True, slots=True)
class _Result:
    __pydantic_config__ = _LENIENT

    type: str
    value: _Value = _Value()
    id: str = ""
    image_rotation: float = 0.0
    original_width: int | None = None
    original_height: int | None = None


@dataclass(frozen=True, slots=True)
class _Annotation:
    __pydantic_config__ = _LENIENT

    result: list[_Result] = field(default_factory=list)
    was_cancelled: bool | None = False
    ground_truth: bool | None = False


@dataclass(frozen=True, slots=True)
class _Task:
    __pydantic_config__ = _LENIENT

    # Neither is missing in what Label Studio calls JSON; both are in JSON-MIN.
    data: dict[str, Any] | None = None
    annotations: list[_Annotation] | None = None


_TASKS = TypeAdapter(list[_Task])
_STATED = TypeAdapter(Stated)


def read(source: SourceFolder) -> list[Draft]:
    """The drafts of all tasks of the export; of a folder, of its one `.json` file."""
    file = source.given
    if file.is_dir():
        exports = sorted(p for p in file.glob("*.json") if not p.name.startswith("."))
        if len(exports) != 1:
            raise DatasetError(f"{file}: holds {len(exports)} .json files; name the one to import")
        file = exports[0]
    tasks = read_json(file, _TASKS)
    if not tasks:
        raise DatasetError(f"{file}: holds no task")
    return [_draft(source, file, task, f"{file}: [{n}]") for n, task in enumerate(tasks)]


def _draft(source: SourceFolder, file: Path, task: _Task, where: str) -> Draft:
    if task.data is None or task.annotations is None:
        missing = "data" if task.data is None else "annotations"
        raise DatasetError(
            f"{where}.{missing}: missing; this is no task of Label Studio's JSON export. If it was exported as "
            "JSON-MIN, which mixes up labellers: export it as JSON"
        )
    annotations = [(n, a) for n, a in enumerate(task.annotations) if not a.was_cancelled]
    labels: list[tuple[str, ...]] = []
    boxes: list[list[LabelledBox]] = []
    for n, annotation in sorted(annotations, key=lambda pair: (not pair[1].ground_truth, pair[0])):
        boxes.append(list(_boxes(annotation, f"{where}.annotations[{n}]")))
    for _, annotation in annotations:
        chosen = [c for r in annotation.result if r.type == "choices" and r.value.x is None for c in r.value.choices]
        labels.append(tuple(chosen))
    try:
        stated = _STATED.validate_json(json.dumps(task.data))
    except ValidationError as error:
        raise dataset_error(f"{where}.data", error) from None
    return Draft(
        file=_photo(source, file, task.data, where),
        where=where,
        stated=stated,
        labels=tuple(labels),
        voted=True,
        boxes=tuple(next((found for found in boxes if found), [])),
    )


def _photo(source: SourceFolder, file: Path, data: Mapping[str, Any], where: str) -> Path:
    """The photo of a task: as named, or as uploaded (less the eight digits put before its name), in the folder."""
    named = data.get("image")
    if not isinstance(named, str) or not named:
        raise DatasetError(f"{where}.data.image: missing; the task must name its photo there")
    url = urlsplit(named)
    name = parse_qs(url.query).get("d", [unquote(url.path) if url.scheme or url.query else named])[0]
    if url.scheme or name.startswith("/"):
        # A path on the server that it came from, or in a bucket: only the name can be at hand.
        name = PurePosixPath(name).name
    places = (file.parent, file.parent / "images")
    try:
        return source.find(name, f"{where}.data.image", places)
    except DatasetError:
        shorter = _UPLOAD.sub("", PurePosixPath(name).name)
        if shorter == name or ".." in PurePosixPath(name).parts:
            raise
        return source.find(shorter, f"{where}.data.image", places)


def _boxes(annotation: _Annotation, where: str) -> Iterator[LabelledBox]:
    severities = {
        r.id: c for r in annotation.result if r.type == "choices" and r.value.x is not None for c in r.value.choices
    }
    for n, result in enumerate(annotation.result):
        at = f"{where}.result[{n}]"
        if result.type in _REGIONS:
            raise DatasetError(f"{at}.type: '{result.type}' is not read; draw defects as rectanglelabels")
        value = result.value
        if result.type == "polygonlabels":
            if len(value.points) < 3 or result.image_rotation:
                raise DatasetError(f"{at}.value.points: a polygon needs three points or more, on a photo left unturned")
            xs, ys = zip(*value.points, strict=True)
            around: Box = (min(xs) / 100, min(ys) / 100, max(xs) / 100, max(ys) / 100)
            for label in value.polygonlabels:
                yield LabelledBox(label, around, at, severities.get(result.id), relative=True)
        if result.type != "rectanglelabels":
            continue
        if result.image_rotation:
            raise DatasetError(f"{at}.image_rotation: a turned photo is not read; turn it back and draw it anew")
        if value.x is None or value.y is None or value.width is None or value.height is None:
            raise DatasetError(f"{at}.value: a rectangle needs x, y, width and height, in per cent")
        x, y = value.x / 100, value.y / 100
        box: Box = (x, y, x + value.width / 100, y + value.height / 100)
        if value.rotation:
            box = _around(box, value.rotation, result, at)
        for label in value.rectanglelabels:
            yield LabelledBox(label, box, at, severities.get(result.id), relative=True)


def _around(box: Box, degrees: float, result: _Result, at: str) -> Box:
    """The upright box, in shares of width and height, around one that is turned about its upper left corner."""
    w, h = result.original_width, result.original_height
    if not w or not h:
        raise DatasetError(
            f"{at}.original_width: missing; a turned box needs original_width and original_height, or draw it upright"
        )
    pixels: Box = (box[0] * w, box[1] * h, box[2] * w, box[3] * h)
    x1, y1, x2, y2 = within(upright_around(pixels, degrees, pixels[:2]), w, h)
    return x1 / w, y1 / h, x2 / w, y2 / h


def write(records: Sequence[Record], categories: Mapping[str, Category], folder: Path) -> None:
    """`tasks.json`, `images/`, and `labeling_config.xml` to set up the project with."""
    (folder / "images").mkdir()
    tasks: list[dict[str, Any]] = []
    for record in records:
        photo = f"images/{file_name(record.id)}{record.file.suffix}"
        shutil.copyfile(record.file, folder / photo)
        stated = {name: getattr(record, name) for name in STATED}
        data: dict[str, Any] = {"image": photo}
        data |= {name: value for name, value in stated.items() if value not in (None, (), "")}
        # Said even where there are none, so that a condition without votes is not read as a vote for it.
        data["votes"] = record.votes
        tasks.append({"data": data, "annotations": list(_annotations(record))})
    (folder / "tasks.json").write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    used = [categories[name] for name in sorted({r.category for r in records})]
    (folder / "labeling_config.xml").write_text(labeling_config(used), encoding="utf-8")


def _annotations(record: Record) -> Iterator[dict[str, Any]]:
    """One annotation a vote; the boxes are in the first."""
    votes: Sequence[str | None] = record.votes or (record.condition,)
    regions = [*((i.type, i.box, None) for i in record.items), *((d.type, d.box, d.severity) for d in record.defects)]
    for n, vote in enumerate(votes):
        results: list[dict[str, Any]] = []
        if vote:
            results.append({**_control("condition"), "type": "choices", "value": {"choices": [vote]}})
        for k, (label, box, severity) in enumerate(regions if n == 0 else []):
            region = _percent(box, record)
            common: dict[str, Any] = {"id": f"r{k}", "original_width": record.width, "original_height": record.height}
            boxed = {**region, "rotation": 0, "rectanglelabels": [label]}
            results.append({**common, **_control("box"), "type": "rectanglelabels", "value": boxed})
            if severity:
                value = {**region, "rotation": 0, "choices": [severity]}
                results.append({**common, **_control("severity"), "type": "choices", "value": value})
        yield {"result": results}


def _control(name: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "image", "image_rotation": 0}


def _percent(box: Box, record: Record) -> dict[str, float]:
    x1, y1, x2, y2 = box
    w, h = record.width / 100, record.height / 100
    return {"x": x1 / w, "y": y1 / h, "width": (x2 - x1) / w, "height": (y2 - y1) / h}


def labeling_config(categories: Sequence[Category]) -> str:
    """The labelling interface of a project for these categories, as Label Studio's XML."""
    conditions = dict.fromkeys(name for c in categories for name in c.condition_names)
    labels = dict.fromkeys(name for c in categories for name in (*c.item_types, *c.defect_names))

    def options(tag: str, names: Sequence[str]) -> str:
        return "".join(f"    <{tag} value={quoteattr(name)}/>\n" for name in names)

    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        '  <Choices name="condition" toName="image" choice="single" required="true">\n'
        f"{options('Choice', [*conditions, UNUSABLE])}  </Choices>\n"
        f'  <RectangleLabels name="box" toName="image" canRotate="false">\n{options("Label", list(labels))}'
        "  </RectangleLabels>\n"
        '  <Choices name="severity" toName="image" choice="single" perRegion="true">\n'
        f"{options('Choice', SEVERITIES)}  </Choices>\n</View>\n"
    )
