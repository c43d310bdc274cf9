"""Broken input is refused with the file and the line or field, what is wrong, and what would be right."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regrade.datasets.formats.assemble import Defaults
from regrade.datasets.formats.importing import Imported
from regrade.models.errors import DatasetError

Foreign = Callable[..., Path]
ImportAs = Callable[..., Imported]
DEFAULTS = Defaults("packaging", "carton", "warehouse", "own")


def coco(*boxes: dict[str, Any], **image: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30} | image],
        "categories": [{"id": 5, "name": "tear"}],
        "annotations": [{"id": n, "image_id": 1, "category_id": 5} | box for n, box in enumerate(boxes)],
    }


def task(*results: dict[str, Any], **data: Any) -> list[dict[str, Any]]:
    return [{"data": {"image": "a.png"} | data, "annotations": [{"result": list(results)}]}]


def rectangle(**value: Any) -> dict[str, Any]:
    inside = {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["tear"]}
    return {"type": "rectanglelabels", "id": "r", "value": inside | value}


PHOTO = {"a.png": (40, 30)}
YAML = "names: [carton, tear]\ntrain: train/images\n"
BROKEN: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "truncated JSON": ("coco", {"annotations.json": '{\n"images": [\n{"id": 1,'}, ("annotations.json", "line 3")),
    "a missing field": ("coco", {"annotations.json": {"images": [{"id": 1}]}}, ("images[0].file_name", "missing")),
    "a wrong type": (
        "coco",
        {"annotations.json": coco({"bbox": [1, 2, "x", 4]})},
        ("annotations[0].bbox", "annotations.json"),
    ),
    "a box outside": (
        "coco",
        {"annotations.json": coco({"bbox": [1, 2, 3, 4]}, {"bbox": [30, 2, 12, 4]})},
        ("annotations[1].bbox", "leaves the photo of 40×30"),
    ),
    "an empty box": ("coco", {"annotations.json": coco({"bbox": [1, 2, 0, 4]})}, ("annotations[0]", "no area")),
    "an infinite box": (
        "coco",
        {"annotations.json": json.dumps(coco({"bbox": [1, 2, float("inf"), 4]}))},
        ("annotations[0].bbox",),
    ),
    "an unknown category id": (
        "coco",
        {"annotations.json": coco({"category_id": 6})},
        ("annotations[0].category_id", "no category 6; there are 5 (tear)"),
    ),
    "an annotation of no image": (
        "coco",
        {"annotations.json": coco({"image_id": 2})},
        ("annotations[0].image_id", "no image has the id 2"),
    ),
    "an unknown label": (
        "coco",
        {"annotations.json": coco({"bbox": [1, 2, 3, 4]}) | {"categories": [{"id": 5, "name": "rust"}]}},
        ("unknown label 'rust' in packaging", "defect types: tear, hole", "--rename 'rust=NAME'"),
    ),
    "an unknown condition": (
        "coco",
        {"annotations.json": coco(attributes={"condition": "fine"})},
        ("images[0]: condition", "unknown label 'fine'", "conditions: unopened, opened, used, damaged"),
    ),
    "a defect for a condition": (
        "coco",
        {"annotations.json": coco(attributes={"condition": "tear"})},
        ("images[0]: condition", "'tear' is no condition"),
    ),
    "a condition against the votes": (
        "coco",
        {"annotations.json": coco(attributes={"condition": "used", "votes": ["opened"]})},
        ("images[0]", "condition is used, but the votes are opened"),
    ),
    "an unknown split": (
        "coco",
        {"annotations.json": coco(attributes={"split": "dev"})},
        ("images[0]: split", "'dev'; legal values: train, val, test"),
    ),
    "an unknown severity": (
        "coco",
        {"annotations.json": coco({"bbox": [1, 2, 3, 4], "attributes": {"severity": "huge"}})},
        ("annotations[0]", "'huge'; legal values: minor, major"),
    ),
    "another category": (
        "coco",
        {"annotations.json": coco(attributes={"category": "apparel"})},
        ("images[0]", "'apparel', not 'packaging'"),
    ),
    "boxes for another size": (
        "coco",
        {"annotations.json": coco({"bbox": [1, 2, 3, 4]}, width=80, height=60)},
        ("annotations[0].bbox", "for a photo of 80×60 pixels, this one has 40×30"),
    ),
    "an image id twice": (
        "coco",
        {"annotations.json": coco() | {"images": [{"id": 1, "file_name": "a.png"}] * 2}},
        ("images[1].id", "stands twice"),
    ),
    "a photo twice": (
        "coco",
        {"annotations.json": coco() | {"images": [{"id": n, "file_name": "a.png"} for n in (1, 2)]}},
        ("images[1]", "'a.png' came before", "images[0]"),
    ),
    "a missing photo": (
        "coco",
        {"annotations.json": coco(file_name="b.png")},
        ("images[0].file_name", "'b.png': no such file; looked in"),
    ),
    "a way out": ("coco", {"annotations.json": coco(file_name="../secret.png")}, ("images[0]", "leads out of")),
    "an absolute way": ("coco", {"annotations.json": coco(file_name="/etc/x.png")}, ("images[0]", "relative")),
    "a Windows drive": ("coco", {"annotations.json": coco(file_name="C:\\x.png")}, ("images[0]", "relative")),
    "no annotation file": ("coco", {}, ("no annotations.json",)),
    "a corrupt photo": (
        "coco",
        {"annotations.json": coco(file_name="c.png"), "c.png": b"\x89PNG\r\n\x1a\nnothing"},
        ("images[0]", "cannot be decoded"),
    ),
    "a photo that is none": (
        "imagefolder",
        {"used/c.jpg": b"text"},
        ("c.jpg", "not a JPEG, PNG, WebP, HEIC or AVIF"),
    ),
    "a folder of no condition": ("imagefolder", {"fine/c.png": (40, 30)}, ("c.png", "unknown label 'fine'")),
    "a photo in no folder": ("imagefolder", {}, ("a.png", "in no folder named by condition")),
    "no names": ("yolo", {"data.yaml": "train: train/images"}, ("data.yaml: names",)),
    "no YAML": ("yolo", {"data.yaml": "names: [a\ntrain: b"}, ("data.yaml: not valid YAML", "line 2")),
    "no such split folder": ("yolo", {"data.yaml": YAML}, ("data.yaml: train: no folder", "train/images")),
    "a split folder outside": (
        "yolo",
        {"data.yaml": YAML.replace("train/images", "/etc")},
        ("data.yaml: train", "outside"),
    ),
    "an unknown class": (
        "yolo",
        {"data.yaml": YAML, "train/images/a.png": (40, 30), "train/labels/a.txt": "0 .5 .5 1 1\n7 .5 .5 .1 .1\n"},
        ("a.txt:2", "no class 7 in data.yaml; there are 0 (carton), 1 (tear)"),
    ),
    "too few numbers": (
        "yolo",
        {"data.yaml": YAML, "train/images/a.png": (40, 30), "train/labels/a.txt": "1 .5 .5 .1\n"},
        ("a.txt:1", "has 3 coordinates"),
    ),
    "words for numbers": (
        "yolo",
        {"data.yaml": YAML, "train/images/a.png": (40, 30), "train/labels/a.txt": "tear .5 .5 .1 .1\n"},
        ("a.txt:1", "not a class number"),
    ),
    "a share above one": (
        "yolo",
        {"data.yaml": YAML, "train/images/a.png": (40, 30), "train/labels/a.txt": "1 .5 .5 .1 .1\n1 .9 .5 .4 .1\n"},
        ("a.txt:2", "leaves the photo"),
    ),
    "a turned rectangle": ("label-studio", {"x.json": task(rectangle(rotation=3))}, ("result[0]", "turned")),
    "a brush": ("label-studio", {"x.json": task({"type": "brushlabels"})}, ("result[0].type", "rectanglelabels")),
    "a polygon of no points": ("label-studio", {"x.json": task({"type": "polygonlabels"})}, ("points", "three points")),
    "a per cent too much": (
        "label-studio",
        {"x.json": task(rectangle(x=70))},
        ("[0].annotations[0].result[0]", "leaves the photo"),
    ),
    "two choices of condition": (
        "label-studio",
        {"x.json": task({"type": "choices", "value": {"choices": ["used", "opened"]}})},
        ("[0]", "several conditions: used, opened"),
    ),
    "a task without a photo": ("label-studio", {"x.json": task(image="")}, ("[0].data.image", "missing")),
    "a way out by query": (
        "label-studio",
        {"x.json": task(image="/data/local-files/?d=../secret.png")},
        ("[0].data.image", "leads out of"),
    ),
    "JSON-MIN": ("label-studio", {"x.json": [{"image": "a.png"}]}, ("[0].data", "missing")),
    "an unknown column": ("csv", {"t.csv": "file,grade\na.png,1\n"}, ("t.csv:1", "'grade'; legal columns: file, id")),
    "no column file": ("csv", {"t.csv": "condition\nused\n"}, ("t.csv:1", "no column 'file'")),
    "a ragged row": ("csv", {"t.csv": "file,condition\na.png,used\na.png\n"}, ("t.csv:3", "1 values for 2 columns")),
    "an open quote": ("csv", {"t.csv": 'file,condition\na.png,"used\n'}, ("t.csv:", "not valid CSV")),
    "not a number": (
        "csv",
        {"t.csv": "file,label,x1,y1,x2,y2\na.png,tear,1,2,x,4\n"},
        ("t.csv:2: x2", "'x' is not a number"),
    ),
    "half a box": ("csv", {"t.csv": "file,label,x1,y1,x2,y2\na.png,tear,1,2,,\n"}, ("t.csv:2", "only x1, y1 given")),
    "a box without a name": ("csv", {"t.csv": "file,x1,y1,x2,y2\na.png,1,2,3,4\n"}, ("t.csv:2: label",)),
    "two conditions of a photo": (
        "csv",
        {"t.csv": "file,condition\na.png,used\na.png,opened\n"},
        ("t.csv:3: condition", "'opened', but 'used' in another row"),
    ),
    "an id twice": (
        "csv",
        {"t.csv": "file,id\na.png,7\nb.png,7\n", "b.png": (40, 30)},
        ("t.csv:3", "id '7' came before", "t.csv:2"),
    ),
    "not UTF-8": ("csv", {"t.csv": b"file\n\xff.png\n"}, ("t.csv", "not UTF-8")),
    "one photo of two conditions": (
        "csv",
        {"t.csv": "file,condition\nc.bmp,used\nd.bmp,opened\n", "c.bmp": (50, 50), "d.bmp": None},
        ("t.csv:3", "t.csv:2", "condition differs (opened and used)"),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_input_is_refused_with_its_place(
    name: str, foreign: Foreign, import_as: ImportAs, tmp_path: Path
) -> None:
    kind, files, expected = BROKEN[name]
    source = foreign(files if kind == "imagefolder" and files else PHOTO | files)
    if "d.bmp" in files:
        (source / "d.bmp").write_bytes((source / "c.bmp").read_bytes())
    with pytest.raises(DatasetError) as caught:
        import_as(kind, source, defaults=DEFAULTS)
    for part in expected:
        assert part in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["foreign"]


@pytest.mark.parametrize("field", ["category", "source", "licence", "item_type"])
def test_what_nobody_states_is_asked_for(field: str, foreign: Foreign, import_as: ImportAs) -> None:
    left_out: dict[str, Any] = {field: None}
    defaults = replace(DEFAULTS, **left_out)
    with pytest.raises(DatasetError, match=f"states no {field.replace('_', '.')}.*--{field.replace('_', '-')}"):
        import_as("imagefolder", foreign({"used/a.png": (40, 30)}), defaults=defaults)


def test_a_link_out_of_the_folder_is_refused(foreign: Foreign, import_as: ImportAs, tmp_path: Path) -> None:
    source = foreign({"annotations.json": coco(), "used/b.png": (40, 30)})
    (source / "used" / "b.png").rename(tmp_path / "b.png")
    (source / "a.png").symlink_to(tmp_path / "b.png")
    (source / "used" / "a.png").symlink_to(tmp_path / "b.png")
    for kind in ("coco", "imagefolder"):
        with pytest.raises(DatasetError, match="link out of"):
            import_as(kind, source)


def test_an_unknown_source_is_refused(import_as: ImportAs, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file or folder"):
        import_as("coco", tmp_path / "gone")
