import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pycocotools.coco import COCO

from regrade.datasets.category import load_categories
from regrade.datasets.checks import check_manifest
from regrade.datasets.formats.assemble import Defaults
from regrade.datasets.formats.importing import ImportOptions, import_dataset
from regrade.datasets.formats.registry import format_of
from regrade.datasets.manifest import Record, read_manifest, write_manifest
from regrade.labeling.versions import versions
from regrade.labeling.versions.provenance import read_provenance
from regrade.labeling.versions.versions import read_summary
from regrade.models.errors import DatasetError

pytestmark = pytest.mark.slow

Labels = Callable[..., Any]
BOX = {"photo": 0, "type": "tear", "severity": "major", "box": [10, 20, 60, 80]}


def splits(folder: Path) -> dict[str, str]:
    return {r.sha256: r.split for r in read_manifest(folder)}


def record_of(folder: Path) -> Record:
    (record,) = read_manifest(folder)
    return record


@pytest.fixture
def export(desk: Any, labels: Labels, tmp_path: Path) -> Callable[..., Path]:
    """Export to a new folder below `tmp_path` and return it. Copies are looked for only where a test asks."""

    def run(name: str = "out", *words: object, copies: bool = False) -> Path:
        more = () if copies else ("--no-near-duplicates",)
        labels("export", "--data-dir", desk.folder, "--out", tmp_path / name, *more, *words)
        return tmp_path / name

    return run


def test_a_decision_becomes_a_record_with_its_votes_and_boxes(desk: Any, export: Any) -> None:
    row = desk.decide("used", "damaged", "damaged")
    row["defects"] = [BOX]
    record = record_of(export())
    assert (record.condition, record.votes) == ("damaged", ("used", "damaged", "damaged"))
    assert [(d.type, d.severity, d.box) for d in record.defects] == [("tear", "major", (10, 20, 60, 80))]
    assert record.defect_codes == ("tear",)
    assert (record.source, record.licence, record.item_type) == ("desk", "own", "carton")


def test_an_export_passes_the_checks_of_a_dataset(desk: Any, export: Any) -> None:
    for n in range(12):
        row = desk.decide(*(["used", "opened", "damaged"][: 1 + n % 3]), photos=[n, 100 + n])
        row["defects"] = [BOX]
    findings = check_manifest(read_manifest(export()), load_categories())
    assert [f for f in findings if f.level == "error"] == []


def test_provenance_written_by_an_older_release_is_read(desk: Any, export: Any) -> None:
    desk.decide("used")
    out = export()
    [file] = out.glob("version/provenance.jsonl")
    now = read_provenance(out)
    file.write_text(file.read_text().replace('"inspections"', '"sightings"'))
    assert read_provenance(out) == now
    assert all(row.inspections for row in now.values())


def test_photos_lie_under_their_hash_as_links_to_the_stored_ones(desk: Any, export: Any) -> None:
    stored = Path(desk.decide("used")["photos"][0]["path"])
    record = record_of(export())
    assert record.file.name == f"{record.sha256}.jpg"
    assert record.file.samefile(stored)


def test_photos_are_copied_where_links_are_not_possible(
    desk: Any, export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    stored = Path(desk.decide("used")["photos"][0]["path"])
    monkeypatch.setattr(os, "link", refuse)
    record = record_of(export())
    assert not record.file.samefile(stored)
    assert record.file.read_bytes() == stored.read_bytes()


def test_no_photo_ever_changes_its_split_while_decisions_keep_coming(desk: Any, export: Any) -> None:
    known: dict[str, str] = {}
    for round_ in range(6):
        for n in range(20):
            # Some photos come again in a later item, and some returns have two inspections.
            again = [desk.rows[n]["photos"][0]] if round_ and n % 7 == 0 else []
            rma = f"RMA-{n}" if n % 5 == 0 else f"RMA-{round_}-{n}"
            desk.decide("used", photos=[round_ * 100 + n, *again], rma=rma)
        now = splits(export(f"v{round_}"))
        assert {h: s for h, s in now.items() if h in known} == known
        known = now
    assert set(known.values()) == {"train", "val", "test"}
    assert len(known) > 100


def test_splits_do_not_depend_on_the_order_of_the_decisions_nor_on_what_is_left_out(desk: Any, export: Any) -> None:
    for n in range(30):
        desk.decide("used", photos=[n, n // 2 + 500], open=["second"] if n % 3 == 0 else [])
    some = splits(export("some"))
    desk.rows.reverse()
    everything = splits(export("all", "--unsettled"))
    assert len(everything) > len(some)
    assert {h: everything[h] for h in some} == some


def test_photos_of_one_item_and_of_one_return_share_a_split(desk: Any, export: Any) -> None:
    for n in range(20):
        desk.decide("used", photos=[n, n + 100, n + 200], rma=f"RMA-{n // 2}")
    records = read_manifest(export())
    groups: dict[str, set[str]] = {}
    for record in records:
        groups.setdefault(record.group, set()).add(record.split)
    assert len(records) == 60
    assert len(groups) == 10
    assert all(len(found) == 1 for found in groups.values())


def test_an_existing_datasets_splits_win_and_hold_in_later_versions(desk: Any, export: Any, tmp_path: Path) -> None:
    for n in range(10):
        desk.decide("used", photos=[n])
    first = read_manifest(export("first"))
    turned = {"train": "test", "val": "train", "test": "val"}
    write_manifest(tmp_path / "first" / "bench.jsonl", [_with_split(r, turned[r.split]) for r in first])
    stated = splits(tmp_path / "first")
    for n in range(10):
        desk.decide("used", photos=[n + 50], rma=f"RMA-{n}")
    second = read_manifest(export("second", "--dataset", tmp_path / "first"))
    assert {r.sha256: r.split for r in second if r.sha256 in stated} == stated
    of_group = {r.group: stated[r.sha256] for r in second if r.sha256 in stated}
    assert all(r.split == of_group[r.group] for r in second)
    assert len(second) == 20


def _with_split(record: Record, split: str) -> Record:
    from dataclasses import replace

    return replace(record, split=split)


def test_a_copy_of_a_photo_goes_where_the_photo_is(desk: Any, export: Any) -> None:
    for n in range(8):
        desk.decide("used", photos=[n])
        desk.decide("used", photos=[desk.photo(n, quality=60)])
    records = read_manifest(export(copies=True))
    assert len(records) == 16
    assert len({r.group for r in records}) == 8


def test_an_item_that_ties_two_splits_together_is_left_out(desk: Any, export: Any) -> None:
    # With a key drawn by lot, all twelve may be in one split.
    (desk.folder / "labels.key").write_text("5a" * 32 + "\n", encoding="ascii")
    for n in range(12):
        desk.decide("used", photos=[n])
    placed = splits(export("before"))
    first, *others = desk.rows
    own = placed[first["photos"][0]["sha256"]]
    other = next(r for r in others if placed[r["photos"][0]["sha256"]] != own)
    desk.decide("used", photos=[first["photos"][0], other["photos"][0], 99])
    out = export("after")
    assert splits(out) == placed
    assert read_summary(out)["left_out"] == {"items that tie photos of different splits together": 1}


def test_only_settled_items_are_exported_unless_asked(desk: Any, export: Any) -> None:
    desk.decide("used")
    desk.decide("used", "damaged", open=["third"], condition=None)
    assert len(read_manifest(export("settled"))) == 1
    everything = read_manifest(export("all", "--unsettled"))
    assert sorted((r.condition or "", r.votes) for r in everything) == [("", ("used", "damaged")), ("used", ("used",))]


def test_photos_to_be_taken_again_are_never_exported(desk: Any, export: Any) -> None:
    desk.decide("used")
    desk.decide("used", status="retake")
    assert len(read_manifest(export("out", "--unsettled"))) == 1


def test_since_leaves_out_what_was_decided_before(desk: Any, export: Any) -> None:
    for _ in range(4):
        desk.decide("used")
    out = export("out", "--since", "2026-11-01T08:15")
    assert len(read_manifest(out)) == 2
    assert read_summary(out)["left_out"] == {"items decided before --since": 2}


def test_a_word_against_the_votes_is_the_label_and_the_votes_are_kept(desk: Any, export: Any) -> None:
    desk.decide("used", "opened", "damaged")
    out = export()
    record = record_of(out)
    assert (record.condition, record.votes) == ("damaged", ())
    assert read_provenance(out)[record.sha256].votes == ("used", "opened", "damaged")


def test_damage_labels_only_the_photos_that_show_it(desk: Any, export: Any) -> None:
    row = desk.decide("damaged", photos=[1, 2, 3])
    row["defects"] = [{**BOX, "photo": 1}]
    by_hash = {r.sha256: r for r in read_manifest(export())}
    conditions = [by_hash[p["sha256"]].condition for p in row["photos"]]
    assert conditions == [None, "damaged", None]


def test_damage_that_nobody_drew_labels_none_of_several_photos(desk: Any, export: Any) -> None:
    desk.decide("damaged", photos=[1, 2])
    desk.decide("opened", photos=[3, 4])
    records = read_manifest(export())
    assert sorted(r.condition or "" for r in records) == ["", "", "opened", "opened"]


def test_the_models_boxes_are_taken_only_where_asked_and_seen(desk: Any, export: Any) -> None:
    seen, blind = desk.decide("damaged"), desk.decide("damaged")
    seen["model"]["defects"] = blind["model"]["defects"] = [BOX]
    blind["looks"][0]["blind"] = True
    assert sum(len(r.defects) for r in read_manifest(export("without"))) == 0
    with_boxes = {r.sha256: r for r in read_manifest(export("with", "--model-boxes"))}
    assert len(with_boxes[seen["photos"][0]["sha256"]].defects) == 1
    assert not with_boxes[blind["photos"][0]["sha256"]].defects


def test_sellers_and_returns_are_hidden_unless_names_are_asked_for(desk: Any, export: Any) -> None:
    desk.decide("used", seller="Acme Ltd", rma="RMA-4711")
    desk.decide("used", seller="Acme Ltd", rma="RMA-4712")
    hidden, open_ = export("hidden"), export("open", "--with-names")
    texts = [p.read_text() for p in hidden.rglob("*") if p.suffix in (".json", ".jsonl")]
    assert len(texts) == 4
    assert not any("Acme" in text or "4711" in text for text in texts)
    inspections = [p.inspections[0] for p in read_provenance(hidden).values()]
    assert len({s.seller for s in inspections}) == 1
    assert len({s.rma for s in inspections}) == 2
    assert {p.inspections[0].rma for p in read_provenance(open_).values()} == {"RMA-4711", "RMA-4712"}


def test_the_key_is_readable_for_its_owner_alone_and_a_damaged_one_is_refused(desk: Any, export: Any) -> None:
    desk.decide("used")
    export("first")
    key = desk.folder / "labels.key"
    assert key.stat().st_mode & 0o077 == 0
    key.write_text("tampered")
    with pytest.raises(DatasetError, match=r"labels\.key: damaged; restore it"):
        export("second")


def test_votes_of_an_existing_dataset_are_kept_and_counted_once(desk: Any, export: Any, tmp_path: Path) -> None:
    from dataclasses import replace

    desk.decide("used")
    first = export("first")
    write_manifest(first / "bench.jsonl", [replace(record_of(first), votes=("opened", "opened"), condition="opened")])
    for name in ("provenance.jsonl", "VERSION.json", "CHANGES.json"):
        (first / "version" / name).unlink()
    second = record_of(export("second", "--dataset", first))
    third = record_of(export("third", "--dataset", tmp_path / "second"))
    assert (second.votes, second.condition) == (("opened", "opened", "used"), "opened")
    assert third == replace(second, file=third.file)


def test_a_version_says_what_changed_since_the_one_before(desk: Any, export: Any) -> None:
    row = desk.decide("used")
    first = export("first")
    row["looks"] += [{**row["looks"][0], "condition": "damaged"}] * 2
    row |= {"condition": "damaged", "defects": [BOX]}
    new = desk.decide("opened")["photos"][0]["sha256"]
    second = export("second", "--dataset", first)
    changes = json.loads((second / "version" / "CHANGES.json").read_text())
    old = row["photos"][0]["sha256"]
    assert changes["added"].keys() == {new}
    assert changes["condition_changed"] == {old: ["used", "damaged"]}
    assert changes["boxes_changed"] == [old]
    assert (changes["removed"], changes["split_changed"]) == ([], [])
    assert read_summary(second)["previous"] == read_summary(first)["version"]


def test_the_same_decisions_make_the_same_version(desk: Any, export: Any) -> None:
    desk.decide("used", photos=[1, 2])
    desk.decide("opened")
    a, b = read_summary(export("a")), read_summary(export("b"))
    assert a["version"] == b["version"]
    desk.decide("damaged")
    assert read_summary(export("c"))["version"] != a["version"]


def test_a_photo_that_is_gone_or_damaged_is_left_out_and_told(desk: Any, export: Any, labels: Labels) -> None:
    gone, damaged, _ = desk.decide("used"), desk.decide("used"), desk.decide("used")
    Path(gone["photos"][0]["path"]).unlink()
    Path(damaged["photos"][0]["path"]).write_bytes(b"not this photo")
    out = export()
    assert len(read_manifest(out)) == 1
    assert read_summary(out)["left_out"] == {"photos that the store has lost or that are damaged": 2}


def test_nothing_is_written_where_nothing_is_settled(desk: Any, export: Any, tmp_path: Path) -> None:
    desk.decide("used", open=["second"])
    with pytest.raises(DatasetError, match=r"no photo to put into it \(left out: 1 items that wait"):
        export()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


def test_nothing_is_left_behind_where_writing_fails(
    desk: Any, export: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(rows: object) -> str:
        raise KeyboardInterrupt

    desk.decide("used")
    monkeypatch.setattr(versions, "provenance_text", fail)
    with suppress(KeyboardInterrupt, SystemExit):
        export()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


def test_a_folder_that_holds_something_is_not_touched(desk: Any, export: Any, tmp_path: Path) -> None:
    desk.decide("used")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    with pytest.raises(DatasetError, match="exists already"):
        export()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "voc"], "legal values: jsonl, coco, yolo, label-studio"),
        (["--since", "yesterday"], "write a date or a moment"),
        (["--item-type", "packaging=shoe"], "legal values: carton, package"),
        (["--split", "70/20"], "give the percentages"),
    ],
)
def test_wrong_options_are_refused_with_what_is_legal(desk: Any, export: Any, words: list[str], message: str) -> None:
    desk.decide("used")
    with pytest.raises(DatasetError, match=message):
        export("out", *words)


@pytest.mark.parametrize("kind", ["coco", "label-studio", "yolo"])
def test_every_format_comes_back_through_our_importers(kind: str, desk: Any, export: Any, tmp_path: Path) -> None:
    for n in range(6):
        row = desk.decide("used", "damaged", "damaged", photos=[n, n + 100])
        row["defects"] = [BOX, {**BOX, "type": "crush", "severity": "minor", "photo": 1}]
    records = read_manifest(export("ours"))
    options = ImportOptions(defaults=Defaults("packaging", "carton", "desk", "own"))
    back = import_dataset(
        format_of(kind), export("theirs", "--format", kind), tmp_path / "back", load_categories(), options
    )

    def carried(record: Record) -> tuple[Any, ...]:
        boxes = tuple((d.type, d.box) for d in record.defects)
        if kind == "yolo":
            return record.sha256, record.split, boxes
        more = record.condition, record.votes, record.group, record.licence, record.defect_codes
        return record.sha256, record.split, boxes, *more

    assert sorted(map(carried, back.records)) == sorted(map(carried, records))


def test_pycocotools_reads_an_export(desk: Any, export: Any, capsys: pytest.CaptureFixture[str]) -> None:
    row = desk.decide("damaged")
    row["defects"] = [BOX]
    out = export("out", "--format", "coco")
    truth = COCO(str(out / "annotations.json"))
    (annotation,) = truth.loadAnns(truth.getAnnIds())
    (image,) = truth.loadImgs(truth.getImgIds())
    assert annotation["bbox"] == [10, 20, 50, 60]
    assert truth.cats[annotation["category_id"]]["name"] == "tear"
    with Image.open(out / image["file_name"]) as photo:
        assert photo.size == (image["width"], image["height"])


def test_a_decision_without_a_field_is_refused_by_number(desk: Any, export: Any) -> None:
    desk.decide("used")
    del desk.decide("used")["open"]
    with pytest.raises(DatasetError, match="decision 2: open: missing"):
        export()
