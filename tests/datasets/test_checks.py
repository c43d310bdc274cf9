from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from regrade.datasets.category import load_categories
from regrade.datasets.checks import DatasetFinding, check_manifest, majority
from regrade.datasets.manifest import Record, read_manifest

MakeRow = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


@pytest.fixture
def check(write_manifest: Write) -> Callable[..., list[DatasetFinding]]:
    def run(*rows: dict[str, Any], **options: Any) -> list[DatasetFinding]:
        found = check_manifest(read_manifest(write_manifest(*rows)), load_categories(), **options)
        return [f for f in found if f.check != "too_small"]  # as the photos drawn here all are

    return run


Check = Callable[..., list[DatasetFinding]]


def codes(findings: list[DatasetFinding]) -> list[str]:
    return [f.check for f in findings]


def test_a_right_manifest_has_no_findings(make_row: MakeRow, check: Check) -> None:
    assert check(make_row("a"), make_row("b", split="test")) == []


def test_photos_that_serving_would_send_back_are_named_and_counted(make_row: MakeRow, write_manifest: Write) -> None:
    rows = [make_row("a"), make_row("b", size=(199, 300)), make_row("c", size=(200, 300))]
    [finding] = check_manifest(read_manifest(write_manifest(*rows)), load_categories())
    assert (finding.level, finding.check, finding.record) == ("warning", "too_small", "a, b")
    assert "2 photos are smaller than 200 pixels" in finding.message


def test_a_missing_photo_is_found(make_row: MakeRow, check: Check) -> None:
    [finding] = check(make_row("a", file="images/gone.jpg"))
    assert (finding.check, finding.record, finding.level) == ("missing_file", "a", "error")
    assert "gone.jpg" in finding.message


def test_a_changed_photo_is_found_by_its_hash(make_row: MakeRow, check: Check) -> None:
    row = make_row("a", sha256="0" * 64)
    assert codes(check(row)) == ["wrong_hash"]
    assert check(row, hashes=False) == []


def test_a_photo_that_does_not_open_is_found(make_row: MakeRow, check: Check, tmp_path: Path) -> None:
    row = make_row("a")
    (tmp_path / row["file"]).write_bytes(b"not a photo")
    assert codes(check(row, hashes=False)) == ["unreadable_photo"]


def test_wrong_dimensions_are_found(make_row: MakeRow, check: Check) -> None:
    [finding] = check(make_row("a", width=41))
    assert finding.check == "wrong_size"
    assert "40×30, not 41×30" in finding.message


def test_dimensions_are_those_of_the_upright_photo(make_row: MakeRow, check: Check, tmp_path: Path) -> None:
    row = make_row("a", width=30, height=40, defects=[])
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(tmp_path / row["file"]) as photo:
        photo.copy().save(tmp_path / row["file"], exif=exif)
    assert check(row, hashes=False) == []


@pytest.mark.parametrize(
    ("box", "found"),
    [
        ([1, 2, 1, 25], "empty_box"),
        ([20, 2, 1, 25], "empty_box"),
        ([-1, 2, 20, 25], "box_outside"),
        ([1, 2, 41, 25], "box_outside"),
        ([1, 2, 20, 30.5], "box_outside"),
    ],
)
def test_impossible_boxes_are_found(make_row: MakeRow, check: Check, box: list[float], found: str) -> None:
    defect = {"type": "tear", "severity": "major", "box": box}
    assert codes(check(make_row("a", defects=[defect]))) == [found]
    assert codes(check(make_row("a", items=[{"type": "package", "box": box}]))) == [found]


@pytest.mark.parametrize(
    ("change", "found", "legal"),
    [
        ({"category": "toys"}, "unknown_category", "apparel, electronics, footwear, packaging"),
        ({"item_type": "shoes"}, "unknown_item_type", "carton, package"),
        ({"defect_codes": ["display"]}, "unknown_defect_code", "tear, hole"),
        (
            {"defects": [{"type": "rust", "severity": "major", "box": [1, 2, 3, 4]}]},
            "unknown_defect_type",
            "tear, hole",
        ),
    ],
)
def test_unknown_labels_are_found_with_the_legal_ones(
    make_row: MakeRow, check: Check, change: dict[str, Any], found: str, legal: str
) -> None:
    [finding] = check(make_row("a") | change)
    assert finding.check == found
    assert f"legal values: {legal}" in finding.message


def test_a_condition_that_the_category_lacks_is_found(make_row: MakeRow, write_manifest: Write) -> None:
    packaging = load_categories()["packaging"]
    short = packaging.model_copy(update={"conditions": packaging.conditions[:3]})
    records = read_manifest(write_manifest(make_row("a", size=(240, 200))))
    [finding] = check_manifest(records, {"packaging": short})
    assert finding.check == "unknown_condition"


def test_a_condition_that_lost_the_vote_is_found(make_row: MakeRow, check: Check) -> None:
    row = make_row("a", votes=["used", "damaged", "used"])
    assert codes(check(row)) == ["not_the_majority"]


def test_a_condition_better_than_its_defect_is_doubtful(make_row: MakeRow, check: Check) -> None:
    [finding] = check(make_row("a", condition="used", votes=["used", "used"]))
    assert (finding.level, finding.check) == ("warning", "condition_against_defect")
    assert "'tear' implies damaged" in finding.message


def test_an_id_given_twice_is_found(make_row: MakeRow, check: Check) -> None:
    [finding] = check(make_row("a"), make_row("b", id="a"))
    assert finding.check == "duplicate_id"


def test_the_same_photo_twice_is_found_with_its_conflict(make_row: MakeRow, check: Check) -> None:
    rows = (
        make_row("a", seed=1, group="g"),
        make_row("b", seed=1, group="g", condition=None, votes=[]),
    )
    [finding] = check(*rows)
    assert (finding.check, finding.record) == ("duplicate_photo", "a, b")
    assert "labelled None and damaged" in finding.message


def test_a_group_in_two_splits_is_found(make_row: MakeRow, check: Check) -> None:
    [finding] = check(make_row("a", group="g"), make_row("b", group="g", split="test"), make_row("c"))
    assert (finding.check, finding.record) == ("group_in_two_splits", "a, b")
    assert "group g: 1 in train, 1 in test" in finding.message


def test_a_photo_in_two_splits_is_found(make_row: MakeRow, check: Check) -> None:
    found = codes(check(make_row("a", seed=1), make_row("b", seed=1, split="val")))
    assert found == ["duplicate_photo", "photo_in_two_splits"]


def test_copies_of_one_original_in_two_splits_are_found(make_row: MakeRow, check: Check) -> None:
    [finding] = check(make_row("a", blob="f00"), make_row("b", blob="f00", split="val"))
    assert finding.check == "photo_in_two_splits"


def test_errors_come_before_warnings(make_row: MakeRow, check: Check) -> None:
    doubtful = make_row("a", condition="used", votes=["used"])
    levels = [f.level for f in check(doubtful, make_row("b", width=1, defects=[]))]
    assert levels == ["error", "warning"]


def test_every_record_passes_the_progress_bar(make_row: MakeRow, write_manifest: Write) -> None:
    seen: list[Record] = []

    def watch(records: Any) -> Any:
        for record in records:
            seen.append(record)
            yield record

    records = read_manifest(write_manifest(make_row("a"), make_row("b")))
    check_manifest(records, load_categories(), progress=watch)
    assert seen == records


@pytest.mark.parametrize(
    ("votes", "winner"),
    [([], None), (["used"], "used"), (["used", "opened"], None), (["used", "opened", "used"], "used")],
)
def test_the_majority_stands_alone(votes: list[str], winner: str | None) -> None:
    assert majority(votes) == winner


@pytest.mark.photos
def test_the_bench_has_no_errors(bench: Path) -> None:
    findings = check_manifest(read_manifest(bench), load_categories())
    assert [f for f in findings if f.level == "error"] == []
    assert {f.check for f in findings} == {"condition_against_defect"}


@pytest.mark.photos
def test_a_leak_planted_in_the_bench_is_found(bench: Path) -> None:
    records = read_manifest(bench)
    group = next(r.group for r in records if sum(o.group == r.group for o in records) > 1)
    place = next(i for i, r in enumerate(records) if r.group == group)
    records[place] = replace(records[place], split="val" if records[place].split != "val" else "test")
    findings = check_manifest(records, load_categories(), hashes=False)
    assert [f.check for f in findings if f.level == "error"] == ["group_in_two_splits"]
