import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regrade.datasets.manifest import DefectBox, find_bench, read_manifest
from regrade.datasets.manifest import write_manifest as write_again
from regrade.models.errors import DatasetError

MakeRow = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


def test_reads_every_field_of_a_record(make_row: MakeRow, write_manifest: Write) -> None:
    folder = write_manifest(make_row("a"))
    [record] = read_manifest(folder)
    assert (record.id, record.category, record.condition) == ("a", "packaging", "damaged")
    assert record.votes == ("damaged", "damaged")
    assert record.defects == (DefectBox("tear", "major", (1, 2, 20, 25)),)
    assert (record.width, record.height, record.tag) == (40, 30, None)


def test_file_is_absolute_and_exists(make_row: MakeRow, write_manifest: Write) -> None:
    [record] = read_manifest(write_manifest(make_row("a")))
    assert record.file.is_absolute()
    assert record.file.is_file()


def test_takes_the_file_as_well_as_its_folder(make_row: MakeRow, write_manifest: Write) -> None:
    folder = write_manifest(make_row("a"), make_row("b"))
    assert read_manifest(folder) == read_manifest(folder / "bench.jsonl")


def test_a_corrected_manifest_is_read_in_place_of_the_first(make_row: MakeRow, write_manifest: Write) -> None:
    folder = write_manifest(make_row("a"), make_row("b"))
    (folder / "bench-v2.jsonl").write_text(json.dumps(make_row("a", group="box-7")) + "\n")
    assert [r.group for r in read_manifest(folder)] == ["box-7"]
    assert len(read_manifest(folder / "bench.jsonl")) == 2


def test_a_close_up_that_shows_too_little_is_not_gradable(make_row: MakeRow, write_manifest: Write) -> None:
    rows = [make_row("a", decidable=False, view="texture"), make_row("b", decidable=True), make_row("c")]
    assert [r.gradable for r in read_manifest(write_manifest(*rows))] == [False, True, True]


def test_what_nobody_has_looked_at_is_not_written(make_row: MakeRow, write_manifest: Write) -> None:
    folder = write_manifest(make_row("a"), make_row("b", decidable=False, damage_decidable=True, view="part"))
    write_again(folder / "again.jsonl", read_manifest(folder))
    plain, looked_at = (json.loads(line) for line in (folder / "again.jsonl").read_text().splitlines())
    assert "decidable" not in plain
    assert (looked_at["decidable"], looked_at["damage_decidable"], looked_at["view"]) == (False, True, "part")


def test_unlabelled_records_need_no_labels(make_row: MakeRow, write_manifest: Write) -> None:
    row = make_row("a")
    for field in ("condition", "votes", "defect_codes", "defects", "items", "tag"):
        del row[field]
    [record] = read_manifest(write_manifest(row))
    assert record.condition is None
    assert record.votes == record.defects == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"condition": "broken"},
            "condition: unknown condition 'broken'; legal values: unopened, opened, used",
        ),
        ({"votes": ["used", "soso"]}, r"votes\[1\]: unknown vote 'soso'; legal values: .*unusable"),
        ({"split": "dev"}, "split: unknown split 'dev'; legal values: train, val, test"),
        (
            {"defects": [{"type": "tear", "severity": "bad", "box": [0, 0, 1, 1]}]},
            r"defects\[0\].severity: .*major",
        ),
        (
            {"defects": [{"type": "tear", "severity": "major", "box": [0, 0, 1]}]},
            r"defects\[0\].box\[3\]: missing",
        ),
        ({"width": "40"}, "width: input should be a valid integer, got '40'"),
        ({"width": 0}, "width: input should be greater than or equal to 1, got 0"),
        ({"sha256": "12ab"}, "sha256: "),
        ({"id": ""}, "id: "),
        ({"conditon": "used"}, "conditon: unknown field; legal fields: id, file, sha256"),
        ({"file": "../secret.jpg"}, "file: must lie below the manifest's folder"),
        ({"file": "/etc/hostname"}, "file: must lie below the manifest's folder"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(
    make_row: MakeRow, write_manifest: Write, change: dict[str, Any], message: str
) -> None:
    folder = write_manifest(make_row("a"), make_row("b") | change)
    with pytest.raises(DatasetError, match=rf"bench\.jsonl:2: {message}"):
        read_manifest(folder)


def test_a_missing_field_is_named(make_row: MakeRow, write_manifest: Write) -> None:
    row = make_row("a")
    del row["group"]
    with pytest.raises(DatasetError, match=r"bench\.jsonl:1: group: missing"):
        read_manifest(write_manifest(row))


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "bench.jsonl").write_text("\n{broken\n")
    with pytest.raises(DatasetError, match=r"bench\.jsonl:2: \(document\): .*JSON"):
        read_manifest(tmp_path)


def test_not_a_number_is_refused(make_row: MakeRow, write_manifest: Write) -> None:
    box = {"type": "tear", "severity": "major", "box": [0, 0, float("nan"), 5]}
    with pytest.raises(DatasetError, match=r"defects\[0\].box\[2\]"):
        read_manifest(write_manifest(make_row("a", defects=[box])))


def test_an_absent_manifest_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no such manifest; give a \.jsonl file or a folder"):
        read_manifest(tmp_path)


def test_an_empty_manifest_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bench.jsonl").write_text("\n")
    with pytest.raises(DatasetError, match="holds no record"):
        read_manifest(tmp_path)


def test_binary_rubbish_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bench.jsonl").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_manifest(tmp_path)


def test_bench_is_found_by_variable(make_row: MakeRow, write_manifest: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_manifest(make_row("a"))
    monkeypatch.setenv("REGRADE_BENCH", str(folder))
    assert find_bench() == folder.resolve()


def test_a_wrong_bench_variable_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_BENCH", str(tmp_path))
    with pytest.raises(DatasetError, match="REGRADE_BENCH="):
        find_bench()


@pytest.mark.photos
def test_the_bench_has_the_documented_counts(bench: Path) -> None:
    records = read_manifest(bench)
    assert len(records) == 2027
    assert Counter(r.source for r in records)["trashnet"] == 326
    assert sum(r.condition is None for r in records) == 12


@pytest.mark.photos
def test_the_unlabelled_photos_read_too(bench: Path) -> None:
    records = read_manifest(bench / "extra.jsonl")
    assert len(records) == 1000
    assert {r.condition for r in records} == {None}
