"""What CVAT's COCO 1.0 and Label Studio's exports may hold besides boxes, in the shape in which they write it.

CVAT hands its shapes to datumaro's COCO exporter, which writes `annotations/instances_SUBSET.json`: masks as run
lengths with `iscrowd` 1, polygons with the box around them, a turned rectangle as the box before it was turned and its
`rotation`, tags not at all, and a size of 0 where it is unknown.
"""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regrade.datasets.manifest import Record, read_manifest
from regrade.models.errors import DatasetError

pytestmark = pytest.mark.slow

Row = dict[str, Any]
LABELS = ("tear", "crush", "used", "damaged", "carton")
Import = Callable[..., list[Record]]


@pytest.fixture
def photos(desk: Any, labels: Callable[..., Any], tmp_path: Path) -> list[Record]:
    """Two photos of packaging of 160×120 pixels, each voted used by one."""
    desk.decide("used")
    desk.decide("used")
    labels("export", "--data-dir", desk.folder, "--out", tmp_path / "ours", "--no-near-duplicates")
    return read_manifest(tmp_path / "ours")


@pytest.fixture
def import_(labels: Callable[..., Any], photos: list[Record], tmp_path: Path) -> Import:
    """Import a document, or the bytes of a zip; the records in the order of `photos`."""

    def run(kind: str, given: Any, *words: object) -> list[Record]:
        file = tmp_path / ("export.zip" if isinstance(given, bytes) else "export.json")
        file.write_bytes(given if isinstance(given, bytes) else json.dumps(given).encode())
        labels("import", file, "--format", kind, "--dataset", tmp_path / "ours", "--out", tmp_path / "new", *words)
        after = {record.sha256: record for record in read_manifest(tmp_path / "new")}
        return [after[record.sha256] for record in photos]

    return run


def image(number: int, name: str, width: int = 160, height: int = 120) -> Row:
    size = {"width": width, "height": height}
    return {
        "id": number, **size, "file_name": name, "license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0
    }  # fmt: skip


def shape(label: str, bbox: list[float], *, on: int = 1, segmentation: Any = (), **attributes: Any) -> Row:
    return {
        "id": 0,
        "image_id": on,
        "category_id": LABELS.index(label) + 1,
        "segmentation": segmentation,
        "area": bbox[2] * bbox[3],
        "bbox": bbox,
        "iscrowd": int(isinstance(segmentation, dict)),
        "attributes": {"occluded": False, "rotation": 0.0, **attributes},
    }


def cvat(images: list[Row], *shapes: Row) -> Row:
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": "", "description": "", "url": "", "version": "", "year": ""},
        "categories": [{"id": n, "name": name, "supercategory": ""} for n, name in enumerate(LABELS, 1)],
        "images": images,
        "annotations": [shape | {"id": n} for n, shape in enumerate(shapes, 1)],
    }


def zipped(members: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, json.dumps(content) if isinstance(content, dict) else content)
    return buffer.getvalue()


def drawn(record: Record) -> list[tuple[str, Any]]:
    return [(d.type, d.box) for d in record.defects]


def test_masks_and_polygons_are_read_as_the_boxes_around_them(import_: Import, photos: list[Record]) -> None:
    mask = {"counts": [1210, 5, 115, 5, 17865], "size": [120, 160]}
    polygon = [[20.0, 30.0, 60.55, 30.0, 40.0, 70.25]]
    document = cvat(
        [image(1, photos[0].file.name)],
        shape("tear", [10.0, 10.0, 1.0, 4.0], segmentation=mask, source="semi-auto"),
        shape("crush", [20.0, 30.0, 40.55, 40.25], segmentation=polygon, track_id=3, keyframe=True, outside=False),
    )
    assert drawn(import_("cvat", document)[0]) == [("tear", (10, 10, 11, 14)), ("crush", (20, 30, 60.55, 70.25))]


@pytest.mark.parametrize(
    ("rotation", "box"),
    [
        (0.0, (60, 50, 100, 70)),
        (90.0, (70, 40, 90, 80)),
        (180, (60, 50, 100, 70)),
        (330.0, (57.679, 41.340, 102.321, 78.660)),
    ],
)
def test_a_turned_rectangle_is_read_as_the_upright_box_around_it(
    rotation: float, box: tuple[float, ...], import_: Import, photos: list[Record]
) -> None:
    document = cvat([image(1, photos[0].file.name)], shape("tear", [60, 50, 40, 20], rotation=rotation))
    assert drawn(import_("cvat", document)[0]) == [("tear", pytest.approx(box, abs=1e-3))]


def test_what_a_turned_rectangle_has_outside_of_the_photo_is_cut_off(import_: Import, photos: list[Record]) -> None:
    document = cvat([image(1, photos[0].file.name)], shape("tear", [0, 50, 40, 20], rotation=45.0))
    [(_, box)] = drawn(import_("cvat", document)[0])
    assert box == pytest.approx((0, 38.787, 41.213, 81.213), abs=1e-3)


def test_an_image_of_unknown_size_is_read_and_a_turned_box_on_it_refused(import_: Import, photos: list[Record]) -> None:
    unknown = image(1, photos[0].file.name, 0, 0)
    with pytest.raises(DatasetError, match=r"annotations\[0\]\.attributes\.rotation: a turned box needs the width"):
        import_("cvat", cvat([unknown], shape("tear", [60, 50, 40, 20], rotation=5.0)))
    assert drawn(import_("cvat", cvat([unknown], shape("tear", [60, 50, 40, 20])))[0]) == [("tear", (60, 50, 100, 70))]


def test_images_that_nobody_drew_on_stay_as_they_are(import_: Import, photos: list[Record]) -> None:
    names = [f"upload/2026-11/{photo.file.name}" for photo in photos]
    first, second = import_("cvat", cvat([image(1, names[0]), image(2, names[1])], shape("tear", [1, 2, 3, 4], on=2)))
    assert (first.defects, first.votes) == ((), photos[0].votes)
    assert drawn(second) == [("tear", (1, 2, 4, 6))]


def test_a_zip_with_photos_and_the_files_of_two_subsets_is_read_as_it_is(import_: Import, photos: list[Record]) -> None:
    names = [photo.file.name for photo in photos]
    document = zipped(
        {
            "annotations/instances_Train.json": cvat([image(1, names[0])], shape("tear", [1, 2, 3, 4])),
            "annotations/instances_Validation.json": cvat([image(1, names[1])], shape("crush", [5, 6, 7, 8])),
            f"images/Train/{names[0]}": photos[0].file.read_bytes(),
            "__MACOSX/annotations/._instances_Train.json": b"\x00\x05\x16\x07",
        }
    )
    assert [drawn(record) for record in import_("cvat", document)] == [
        [("tear", (1, 2, 4, 6))],
        [("crush", (5, 6, 12, 14))],
    ]


def test_files_of_the_same_name_in_one_zip_are_both_read(import_: Import, photos: list[Record]) -> None:
    tasks = {
        f"task_{n}/annotations/instances_default.json": cvat([image(1, photo.file.name)], shape("tear", [n, 2, 3, 4]))
        for n, photo in enumerate(photos)
    }
    assert [drawn(record)[0][1][0] for record in import_("cvat", zipped(tasks))] == [0, 1]


def test_another_export_of_cvat_is_refused_with_the_right_one(import_: Import) -> None:
    with pytest.raises(DatasetError, match=r"export\.zip: holds no \.json file; export as COCO 1\.0 from CVAT"):
        import_("cvat", zipped({"annotations.xml": b"<annotations/>"}))


def test_a_damaged_zip_is_refused(import_: Import, photos: list[Record], tmp_path: Path) -> None:
    whole = bytearray(zipped({"annotations/instances_default.json": cvat([image(1, photos[0].file.name)])}))
    whole[90:110] = bytes(20)
    with pytest.raises(DatasetError, match=r"instances_default\.json cannot be unpacked: .*download it anew"):
        import_("cvat", bytes(whole))
    assert not (tmp_path / "new").exists()


def test_a_box_without_a_label_is_refused_with_the_labels_there_are(import_: Import, photos: list[Record]) -> None:
    document = cvat([image(1, photos[0].file.name)], shape("tear", [1, 2, 3, 4]) | {"category_id": 0})
    with pytest.raises(DatasetError, match=r"annotations\[0\]\.category_id: no category 0; there are 1 \(tear\)"):
        import_("cvat", document)


def task(photo: Record, *annotations: Row, **more: Any) -> Row:
    """A task as Label Studio exports it."""
    return {
        "id": 7,
        "data": {"image": f"/data/upload/3/1f2e3d4c-{photo.file.name}"},
        "annotations": [
            {"id": n, "completed_by": n, "was_cancelled": False, "ground_truth": False, "lead_time": 4.2, **annotation}
            for n, annotation in enumerate(annotations, 1)
        ],
        "drafts": [],
        "predictions": [],
        "total_annotations": len(annotations),
        "cancelled_annotations": 0,
        **more,
    }


def chosen(condition: str) -> Row:
    return {"id": "c", "type": "choices", "from_name": "condition", "value": {"choices": [condition]}}


def rectangle(value: Row, **more: Any) -> Row:
    known = {"original_width": 160, "original_height": 120, "image_rotation": 0}
    value = {"x": 50, "y": 50, "width": 25, "height": 10, "rotation": 0, "rectanglelabels": ["tear"]} | value
    return {"id": "r", "type": "rectanglelabels", "from_name": "defects", "value": value, **known, **more}


def test_predictions_and_cancelled_annotations_are_no_votes(import_: Import, photos: list[Record]) -> None:
    prediction = {"result": [chosen("damaged"), rectangle({})], "score": 0.9, "model_version": "1"}
    cancelled = {"result": [chosen("damaged")], "was_cancelled": True}
    [after, _] = import_(
        "label-studio",
        [task(photos[0], cancelled, {"result": [chosen("opened")]}, predictions=[prediction])],
    )
    assert (after.votes, after.defects) == (("opened", "used"), ())


def test_a_task_that_has_predictions_alone_changes_nothing(import_: Import, photos: list[Record]) -> None:
    document = [task(photos[0], predictions=[{"result": [chosen("damaged")]}]), task(photos[1], {"result": []})]
    assert [record.votes for record in import_("label-studio", document)] == [("used",), ("used",)]


def test_each_annotator_votes_and_the_ground_truth_has_the_boxes(import_: Import, photos: list[Record]) -> None:
    annotations: list[dict[str, Any]] = [
        {"result": [chosen("damaged"), rectangle({"x": 0})]},
        {"result": [chosen("damaged"), rectangle({"x": 10})], "ground_truth": True},
        {"result": [chosen("unusable")]},
    ]
    [after, _] = import_("label-studio", [task(photos[0], *annotations)])
    assert (sorted(after.votes), after.condition) == (["damaged", "damaged", "unusable", "used"], "damaged")
    assert drawn(after) == [("tear", (16, 60, 56, 72))]


def test_a_rectangle_is_turned_in_pixels_and_about_its_corner(import_: Import, photos: list[Record]) -> None:
    turned = {"result": [chosen("used"), rectangle({"rotation": 90})]}
    [after, _] = import_("label-studio", [task(photos[0], turned)])
    assert drawn(after) == [("tear", pytest.approx((68, 60, 80, 100)))]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (rectangle({"rotation": 5}, original_width=None), r"result\[0\]\.original_width: missing; a turned box needs"),
        (rectangle({}, image_rotation=90), r"result\[0\]\.image_rotation: a turned photo is not read"),
        (rectangle({"width": None}), r"result\[0\]\.value: a rectangle needs x, y, width and height, in per cent"),
        (rectangle({"x": 400, "width": 200}), r"result\[0\]: box .* leaves the photo"),
    ],
)
def test_what_cannot_be_placed_is_refused(result: Row, message: str, import_: Import, photos: list[Record]) -> None:
    with pytest.raises(DatasetError, match=message):
        import_("label-studio", [task(photos[0], {"result": [result]})])


def test_an_upright_rectangle_needs_no_size_of_its_photo(import_: Import, photos: list[Record]) -> None:
    plain = rectangle({}, original_width=None, original_height=None)
    [after, _] = import_("label-studio", [task(photos[0], {"result": [plain]})])
    assert drawn(after) == [("tear", (80, 60, 120, 72))]


def test_json_min_is_refused_with_the_right_export(import_: Import, photos: list[Record]) -> None:
    flat = {"id": 7, "image": f"/data/upload/3/{photos[0].file.name}", "condition": "used", "annotator": 1}
    with pytest.raises(DatasetError, match=r"export\.json: \[0\]\.data: missing; .*JSON-MIN.*export it as JSON"):
        import_("label-studio", [flat])


def test_a_zip_without_its_directory_is_refused(import_: Import) -> None:
    whole = zipped({"annotations/instances_default.json": {"images": []}})
    with pytest.raises(DatasetError, match=r"export\.zip: is a damaged zip: .*download it anew"):
        import_("cvat", whole.replace(b"PK\x01\x02", b"PK\x00\x00"))
