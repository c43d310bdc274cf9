import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regrade.datasets.category import load_categories
from regrade.datasets.checks import check_manifest
from regrade.datasets.manifest import Record, read_manifest, write_manifest
from regrade.labeling.versions.merge import overlap
from regrade.labeling.versions.provenance import read_provenance
from regrade.labeling.versions.versions import read_summary
from regrade.models.errors import DatasetError

pytestmark = pytest.mark.slow

Row = dict[str, Any]
TEAR = {"photo": 0, "type": "tear", "severity": "major", "box": [16, 12, 80, 60]}


@pytest.fixture
def dataset(desk: Any, labels: Callable[..., Any], tmp_path: Path) -> Path:
    """Two photos of packaging, one voted used, one voted damaged with a tear drawn on it."""
    desk.decide("used")
    desk.decide("damaged")["defects"] = [TEAR]
    labels("export", "--data-dir", desk.folder, "--out", tmp_path / "ours", "--no-near-duplicates")
    return tmp_path / "ours"


@pytest.fixture
def merge(labels: Callable[..., Any], dataset: Path, tmp_path: Path) -> Callable[..., dict[str, Record]]:
    """Import a document into the dataset; the records by the condition that they had before."""

    def run(kind: str, document: Any, *words: object, name: str = "export.json", out: str = "new") -> dict[str, Record]:
        file = tmp_path / "from-elsewhere" / name
        file.parent.mkdir(exist_ok=True)
        if isinstance(document, bytes):
            file.write_bytes(document)
        else:
            file.write_text(json.dumps(document), encoding="utf-8")
        labels("import", file, "--format", kind, "--dataset", dataset, "--out", tmp_path / out, *words)
        before = {r.sha256: str(r.condition) for r in read_manifest(dataset)}
        return {before[r.sha256]: r for r in read_manifest(tmp_path / out)}

    return run


@pytest.fixture
def photo(dataset: Path) -> dict[str, Record]:
    """The records of the dataset by their condition."""
    return {str(r.condition): r for r in read_manifest(dataset)}


def task(record: Record, *choices: str, image: str | None = None, boxes: list[Row] | None = None, **data: Any) -> Row:
    """A task of Label Studio with an annotation for each choice; the boxes are in the first."""
    annotations = [{"result": [{"type": "choices", "value": {"choices": [c]}}]} for c in choices]
    annotations[0]["result"] += boxes or []
    return {"data": {"image": image or f"/data/upload/3/{record.file.name}", **data}, "annotations": annotations}


def rectangle(label: str, x: float, y: float, width: float, height: float) -> Row:
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [label]}
    return {"id": "r", "type": "rectanglelabels", "value": value}


def cvat(record: Record, *boxes: tuple[str, list[float]], file_name: str | None = None, **attributes: Any) -> Row:
    """The COCO 1.0 export of CVAT for one photo."""
    names = ["tear", "crush", "opened", "damaged", "carton"]
    image = {"id": 1, "width": 160, "height": 120, "file_name": file_name or record.file.name, "license": 0}
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": "", "version": "", "year": ""},
        "categories": [{"id": n, "name": name, "supercategory": ""} for n, name in enumerate(names, 1)],
        "images": [{**image, "flickr_url": "", "coco_url": "", "date_captured": 0}],
        "annotations": [
            {
                "id": n,
                "image_id": 1,
                "category_id": names.index(name) + 1,
                "segmentation": [],
                "area": box[2] * box[3],
                "bbox": box,
                "iscrowd": 0,
                "attributes": {"occluded": False, "rotation": 0.0, **attributes},
            }
            for n, (name, box) in enumerate(boxes, 1)
        ],
    }


def test_label_studio_adds_a_vote_for_each_labeller(merge: Any, photo: dict[str, Record], tmp_path: Path) -> None:
    record = merge("label-studio", [task(photo["used"], "damaged", "damaged")])["used"]
    assert (record.votes, record.condition) == (("damaged", "damaged", "used"), "damaged")
    assert read_provenance(tmp_path / "new")[record.sha256].votes == record.votes


def test_photos_that_the_file_does_not_name_stay_as_they_are(merge: Any, photo: dict[str, Record]) -> None:
    after = merge("label-studio", [task(photo["used"], "used")])["damaged"]
    assert after == replace(photo["damaged"], file=after.file)


@pytest.mark.parametrize("spelling", ["{sha256}.jpg", "1f2e3d4c-{sha256}.jpg", "s3://bucket/a/{sha256}.png", "{id}"])
def test_photos_are_found_by_hash_or_id_under_many_spellings(
    spelling: str, merge: Any, photo: dict[str, Record]
) -> None:
    record = photo["used"]
    image = spelling.format(sha256=record.sha256, id=record.id)
    assert merge("label-studio", [task(record, "opened", image=image)])["used"].votes == ("opened", "used")


def test_photos_are_found_by_their_file_name(merge: Any, dataset: Path, photo: dict[str, Record]) -> None:
    record = photo["used"]
    renamed = record.file.rename(record.file.with_name("schuhkarton 1.jpg"))
    write_manifest(dataset / "bench.jsonl", [replace(record, id="a", file=renamed), photo["damaged"]])
    merged = merge("cvat", cvat(record, ("opened", [0, 0, 9, 9]), file_name="photos/schuhkarton 1.jpg"))
    assert merged["used"].votes == ("opened", "used")


def test_what_comes_back_as_it_went_out_adds_nothing(
    merge: Any, desk: Any, labels: Any, dataset: Path, photo: dict[str, Record], tmp_path: Path
) -> None:
    labels("export", "--data-dir", desk.folder, "--out", tmp_path / "ls", "--format", "label-studio")
    tasks = json.loads((tmp_path / "ls" / "tasks.json").read_text())
    for record in merge("label-studio", tasks).values():
        assert record == replace(photo[str(record.condition)], file=record.file)


def test_a_vote_added_to_what_went_out_counts_once(
    merge: Any, desk: Any, labels: Any, photo: dict[str, Record], tmp_path: Path
) -> None:
    labels("export", "--data-dir", desk.folder, "--out", tmp_path / "ls", "--format", "label-studio")
    tasks = json.loads((tmp_path / "ls" / "tasks.json").read_text())
    mine = next(t for t in tasks if t["data"]["condition"] == "used")
    mine["annotations"].append({"result": [{"type": "choices", "value": {"choices": ["opened"]}}]})
    assert merge("label-studio", tasks)["used"].votes == ("opened", "used")


def test_cvat_adds_boxes_and_the_worst_condition_that_is_drawn(merge: Any, photo: dict[str, Record]) -> None:
    boxes: list[tuple[str, list[float]]] = [
        ("crush", [10, 10, 20, 30]),
        ("opened", [0, 0, 160, 120]),
        ("damaged", [10, 10, 20, 30]),
    ]
    record = merge("cvat", cvat(photo["used"], *boxes, severity="minor"))["used"]
    assert [(d.type, d.severity, d.box) for d in record.defects] == [("crush", "minor", (10, 10, 30, 40))]
    assert (record.votes, record.condition) == (("damaged", "used"), None)


def test_cvats_zip_is_read_as_it_was_downloaded(merge: Any, photo: dict[str, Record], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "job.zip", "w") as archive:
        document = json.dumps(cvat(photo["used"], ("tear", [1, 2, 3, 4])))
        archive.writestr("annotations/instances_default.json", document)
    record = merge("cvat", (tmp_path / "job.zip").read_bytes(), name="job.zip")["used"]
    assert [d.box for d in record.defects] == [(1, 2, 4, 6)]


def test_a_box_drawn_on_one_that_is_there_replaces_it_and_others_are_kept(merge: Any, photo: dict[str, Record]) -> None:
    boxes = [rectangle("tear", 11, 11, 39, 38), rectangle("crush", 70, 70, 20, 20)]
    defects = merge("label-studio", [task(photo["damaged"], "damaged", boxes=boxes)])["damaged"].defects
    assert [(d.type, d.box) for d in defects] == [("tear", (17.6, 13.2, 80, 58.8)), ("crush", (112, 84, 144, 108))]
    far = [rectangle("tear", 80, 80, 10, 10)]
    defects = merge("label-studio", [task(photo["damaged"], "used", boxes=far)], out="far")["damaged"].defects
    assert len(defects) == 2


def test_boxes_can_be_replaced_altogether(merge: Any, photo: dict[str, Record]) -> None:
    task_ = task(photo["damaged"], "damaged", boxes=[rectangle("crush", 70, 70, 20, 20)])
    defects = merge("label-studio", [task_], "--boxes", "replace")["damaged"].defects
    assert [d.type for d in defects] == ["crush"]


def test_foreign_labels_can_be_renamed(merge: Any, photo: dict[str, Record]) -> None:
    assert merge("label-studio", [task(photo["used"], "kaputt")], "--rename", "kaputt=damaged")["used"].votes == (
        "damaged",
        "used",
    )


def test_a_file_goes_in_once(merge: Any, labels: Any, photo: dict[str, Record], tmp_path: Path) -> None:
    merge("label-studio", [task(photo["used"], "opened")])
    assert len(read_summary(tmp_path / "new")["imported"]) == 1
    file = tmp_path / "from-elsewhere" / "export.json"
    with pytest.raises(DatasetError, match=r"its votes are in .*new already; nothing was written"):
        labels("import", file, "--format", "label-studio", "--dataset", tmp_path / "new", "--out", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_imported_votes_outlive_the_next_export(
    merge: Any, labels: Any, desk: Any, photo: dict[str, Record], tmp_path: Path
) -> None:
    merge("label-studio", [task(photo["used"], "opened", "opened")])
    words = ("--dataset", tmp_path / "new", "--out", tmp_path / "next", "--no-near-duplicates")
    labels("export", "--data-dir", desk.folder, *words)
    record = next(r for r in read_manifest(tmp_path / "next") if r.sha256 == photo["used"].sha256)
    assert sorted(record.votes) == ["opened", "opened", "used"]
    assert record.condition == "opened"


def test_unusable_photos_lose_their_condition_and_pass_the_checks(
    merge: Any, photo: dict[str, Record], tmp_path: Path
) -> None:
    record = merge("label-studio", [task(photo["used"], "unusable", "unusable")])["used"]
    assert record.condition is None
    findings = check_manifest(read_manifest(tmp_path / "new"), load_categories())
    assert [f.check for f in findings] == ["too_small"]  # as the photos that this test draws are


def test_unknown_photos_are_refused_or_passed_over(merge: Any, photo: dict[str, Record], tmp_path: Path) -> None:
    document = [task(photo["used"], "opened"), task(photo["used"], "used", image="1f2e3d4c-nobody.jpg")]
    with pytest.raises(
        DatasetError, match=r"export\.json: \[1\]\.data\.image: photo 'nobody\.jpg': the dataset has none"
    ):
        merge("label-studio", document)
    assert not (tmp_path / "new").exists()
    assert merge("label-studio", document, "--skip-unknown")["used"].votes == ("opened", "used")
    left_out = read_summary(tmp_path / "new")["left_out"]
    assert left_out == {"photos that the dataset does not have": 1}


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("label-studio", {"choices": ["broken"]}, r"export\.json: \[0\]: unknown label 'broken' in packaging"),
        (
            "label-studio",
            {"boxes": [rectangle("tear", 90, 0, 20, 5)]},
            r"\[0\]\.annotations\[0\]\.result\[1\]: box .* leaves",
        ),
        (
            "label-studio",
            {"data": {"category": "footwear"}},
            r"\[0\]: is of category 'footwear', the dataset has it as pack",
        ),
        ("cvat", {"bbox": [0, 0, 161.5, 5]}, r"annotations\[0\]\.bbox: box .* leaves the photo of 160×120"),
    ],
)
def test_errors_name_the_file_and_the_element_and_nothing_is_written(
    kind: str, change: Row, message: str, merge: Any, photo: dict[str, Record], tmp_path: Path
) -> None:
    record = photo["used"]
    if kind == "cvat":
        document: Any = cvat(record, ("tear", change.pop("bbox", [1, 2, 3, 4])), **change)
    else:
        boxes, data = change.get("boxes"), change.get("data", {})
        document = [task(record, *change.get("choices", ["used"]), boxes=boxes, **data)]
    with pytest.raises(DatasetError, match=message):
        merge(kind, document)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("document", [b"{", b"\xff\xfe", b"[]", b'{"images": 3, "categories": []}'])
@pytest.mark.parametrize("kind", ["label-studio", "cvat"])
def test_broken_files_are_refused(kind: str, document: bytes, merge: Any) -> None:
    with pytest.raises(DatasetError, match=r"export\.json"):
        merge(kind, document)


def test_a_photo_named_twice_is_refused(merge: Any, photo: dict[str, Record]) -> None:
    with pytest.raises(DatasetError, match=r"\[1\]: photo .* came before, at .*\[0\]"):
        merge("label-studio", [task(photo["used"], "used"), task(photo["used"], "opened")])


def test_overlap_of_boxes() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0
