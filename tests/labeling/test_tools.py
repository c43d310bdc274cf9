"""Files that annotation tools themselves wrote, from our exports of the rendered demo photos, come back as they should.

`label_studio.json` and `label_studio_coco.json` are by the converter of label-studio-sdk 2.1.2, which Label Studio's
own export button runs; `cvat_coco.json` is by datumaro 1.13.12, the library behind CVAT's COCO 1.0. In each a labeller
drew a polygon; in Label Studio a second one voted, and one skipped two photos.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from regrade.datasets.manifest import DefectBox, Record, read_manifest, write_manifest
from regrade.models.errors import DatasetError

FIXTURES = Path(__file__).parent / "fixtures"
PHOTOS = Path(__file__).parents[2] / "serving/examples/photos"
CRACK = DefectBox("crack", "major", (300.5, 200.25, 800.0, 700.0))
TORN = (DefectBox("tear", "major", (400, 300, 700, 560)), DefectBox("crush", "major", (800, 200, 1000, 420)))
ITEMS = {
    "carton-torn-1": ("packaging", "carton", "damaged", TORN),
    "carton-used-1": ("packaging", "carton", "used", ()),
    "phone-cracked-1": ("electronics", "phone", "damaged", (CRACK,)),
}
Import = Callable[..., dict[str, Record]]


def record_of(file: Path, category: str, item_type: str, condition: str, defects: tuple[DefectBox, ...]) -> Record:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    with Image.open(file) as image:
        width, height = image.size
    return Record(
        id=sha256, file=file, sha256=sha256, category=category, item_type=item_type, width=width, height=height,
        group=f"item-{file.stem}", split="train", source="desk", licence="own", condition=condition, votes=(condition,),
        defect_codes=tuple(d.type for d in defects), defects=defects,
    )  # fmt: skip


@pytest.fixture
def import_(labels: Callable[..., Any], tmp_path: Path) -> Import:
    """Import a file into a dataset of three demo photos, in a folder with a blank; the records by the photo's name."""
    ours = tmp_path / "our photos"
    ours.mkdir()
    records = {
        name: record_of(Path(shutil.copy(PHOTOS / f"{name}.jpg", ours / f"{name}.jpg")), *what)
        for name, what in ITEMS.items()
    }
    write_manifest(ours / "bench.jsonl", list(records.values()))

    def run(file: Path, kind: str, *words: object) -> dict[str, Record]:
        labels("import", file, "--format", kind, "--dataset", ours, "--out", tmp_path / "merged new", *words)
        merged = {record.sha256: record for record in read_manifest(tmp_path / "merged new")}
        return {name: merged[record.sha256] for name, record in records.items()}

    return run


def drawn(record: Record) -> list[tuple[str, tuple[float, ...]]]:
    return [(d.type, d.box) for d in record.defects]


def test_what_cvat_exports_brings_a_polygon_as_the_box_around_it_and_no_vote(import_: Import) -> None:
    found = import_(FIXTURES / "cvat_coco.json", "cvat")
    assert drawn(found["phone-cracked-1"]) == [("stain", (100, 100, 300, 400)), ("crack", CRACK.box)]
    assert drawn(found["carton-torn-1"]) == [("tear", TORN[0].box), ("crush", TORN[1].box)]
    assert [r.votes for r in found.values()] == [("damaged",), ("used",), ("damaged",)]


def test_what_label_studio_exports_brings_votes_and_skips_what_was_skipped(import_: Import) -> None:
    found = import_(FIXTURES / "label_studio.json", "label-studio")
    assert [r.votes for r in found.values()] == [("damaged", "used"), ("used", "used"), ("damaged",)]
    assert [r.condition for r in found.values()] == [None, "used", "damaged"]
    assert drawn(found["carton-torn-1"])[2] == ("stain", (120, 180, 360, 540))
    assert drawn(found["phone-cracked-1"]) == [("crack", CRACK.box)]


def test_label_studios_coco_names_uploads_that_are_found_all_the_same(import_: Import) -> None:
    found = import_(FIXTURES / "label_studio_coco.json", "coco")
    assert [kind for kind, _ in drawn(found["carton-torn-1"])] == ["tear", "crush", "stain"]
    assert [r.condition for r in found.values()] == ["damaged", "used", "damaged"]


def test_unknown_labels_are_listed_all_at_once_and_can_be_renamed(import_: Import, tmp_path: Path) -> None:
    text = (FIXTURES / "cvat_coco.json").read_text(encoding="utf-8")
    file = tmp_path / "theirs.json"
    file.write_text(text.replace('"tear"', '"rip"').replace('"crush"', '"dent"'), encoding="utf-8")
    with pytest.raises(DatasetError, match=r"in packaging: 'rip' \(1×\), 'dent' \(1×\)\. .*--rename 'LABEL=NAME'"):
        import_(file, "cvat")
    found = import_(file, "cvat", "--rename", "rip=tear", "--rename", "dent=crush")
    assert drawn(found["carton-torn-1"]) == [("tear", TORN[0].box), ("crush", TORN[1].box)]


def test_boxes_drawn_at_another_size_of_the_photo_are_refused(import_: Import, tmp_path: Path) -> None:
    document = json.loads((FIXTURES / "cvat_coco.json").read_text(encoding="utf-8"))
    for image in document["images"]:
        image["width"], image["height"] = 600, 450
    (tmp_path / "small.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DatasetError, match=r"photo of 600×450 pixels, this one has 1200×900; export both at one size"):
        import_(tmp_path / "small.json", "cvat")


def test_a_turned_rectangle_is_read_as_the_upright_box_around_it(import_: Import, tmp_path: Path) -> None:
    text = (FIXTURES / "label_studio.json").read_text(encoding="utf-8")
    assert '"rotation": 0' in text
    (tmp_path / "turned.json").write_text(text.replace('"rotation": 0', '"rotation": 90', 1), encoding="utf-8")
    before, after = TORN[0].box, drawn(import_(tmp_path / "turned.json", "label-studio")["carton-torn-1"])
    (x1, y1, x2, y2), width, height = before, before[2] - before[0], before[3] - before[1]
    # By a right angle about its upper left corner, to the left of which it then lies.
    assert ("tear", pytest.approx((x1 - height, y1, x1, y1 + width))) in after
    assert (x2, y2) != (x1, y1 + width)
