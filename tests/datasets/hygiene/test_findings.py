"""Planted dirt is found, shown and mended; a clean dataset is called clean."""

import csv
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from regrade.datasets import cli
from regrade.datasets.category import SHIPPED, load_categories
from regrade.datasets.checks import check_manifest
from regrade.datasets.hygiene.embeddings import read_views
from regrade.datasets.hygiene.findings import Hygiene, inspect
from regrade.datasets.hygiene.fixes import apply_fixes, check_conditions, fix_lines, read_fixes
from regrade.datasets.manifest import Record, read_manifest
from regrade.models.errors import DatasetError

pytestmark = pytest.mark.slow

MakeRow = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """A few shapes in seeded colours: no two seeds alike, any copy of one recognisable."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (160, 120), tuple(int(v) for v in rng.integers(0, 255, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(9):
        x, y, w, h = (int(v) for v in rng.integers(0, 100, 4))
        draw.ellipse((x, y, x + w + 9, y + h + 9), fill=tuple(int(v) for v in rng.integers(0, 255, 3)))
    return image.resize(size)


@pytest.fixture
def dirty(make_row: MakeRow, write_manifest: Write, tmp_path: Path) -> Path:
    """Twelve unlike photos; a copy of the first, mirrored and smaller, in the test; the second file twice."""
    rows = []

    def add(name: str, image: Image.Image, **fields: Any) -> None:
        row = make_row(name, defects=[], **fields)
        image.save(tmp_path / row["file"], quality=90)
        data = (tmp_path / row["file"]).read_bytes()
        row |= {"width": image.width, "height": image.height, "sha256": hashlib.sha256(data).hexdigest()}
        rows.append(row)

    for k in range(12):
        add(f"p{k}", scene(k))
    add("copy", scene(0, (80, 60)).transpose(Image.Transpose.FLIP_LEFT_RIGHT), split="test")
    add("twice", scene(1), condition="used", votes=["used", "used"], defect_codes=[])
    return write_manifest(*rows)


def look(folder: Path) -> tuple[list[Record], Hygiene]:
    records = read_manifest(folder)
    return records, inspect(records, read_views(records, folder / "cache"))


def test_leaks_come_first_and_say_which_split_gives_way(dirty: Path) -> None:
    _, found = look(dirty)
    leak, group, *copies = found.issues
    assert (leak.kind, leak.sure, leak.rows) == ("leak", True, ((0, 12),))
    wanted = {("p0", "copy", "train"), ("copy", "copy", "train")}
    assert {(fix.id, fix.suggestion.group, fix.suggestion.split) for fix in leak.fixes} == wanted
    assert (group.kind, group.rows) == ("group", ((1, 13),))
    assert [c.kind for c in copies] == ["copy", "copy"]


def test_the_largest_of_several_copies_is_kept(dirty: Path) -> None:
    _, found = look(dirty)
    copy = next(issue for issue in found.issues if issue.kind == "copy" and issue.rows[0][0] == 0)
    assert [(fix.id, fix.suggestion.remove) for fix in copy.fixes] == [("copy", True)]
    assert copy.sure


def test_copies_of_two_labels_need_a_second_look(dirty: Path) -> None:
    _, found = look(dirty)
    copy = next(issue for issue in found.issues if issue.kind == "copy" and issue.rows[0][0] == 1)
    assert not copy.sure
    assert "labelled damaged and used" in copy.advice


def test_the_counts_are_those_of_what_was_planted(dirty: Path) -> None:
    tally = look(dirty)[1].tallies["packaging"]
    assert (tally.photos, tally.same_file, tally.copies, tally.same_thing) == (14, 1, 1, 0)
    assert (tally.across_groups, tally.across_splits) == (2, 1)


def test_the_fixes_applied_leave_nothing_to_find(dirty: Path) -> None:
    records, found = look(dirty)
    fixed = apply_fixes(records, [("", replace(fix, chosen=True)) for fix in found.fixes])
    assert {r.id for r in records} - {r.id for r in fixed} == {"copy", "twice"}
    assert inspect(fixed, read_views(fixed, dirty / "cache")).issues == ()
    assert [f for f in check_manifest(fixed, load_categories()) if f.level == "error"] == []


def test_a_group_in_two_splits_is_a_leak_without_any_copy(make_row: MakeRow, write_manifest: Write) -> None:
    _, found = look(write_manifest(make_row("a", group="g"), make_row("b", group="g", split="test"), make_row("c")))
    [leak] = found.issues
    assert "the group itself is parted" in leak.title
    assert [(f.id, f.suggestion.split) for f in leak.fixes] == [("b", "train")]


def test_a_clean_dataset_is_called_clean(make_row: MakeRow, write_manifest: Write) -> None:
    _, found = look(write_manifest(make_row("a"), make_row("b", split="test")))
    assert found.issues == ()


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    cli.register(app)
    return app


@pytest.fixture
def written(app: typer.Typer, dirty: Path) -> Path:
    """The folder that `regrade data hygiene` wrote of the dirty dataset."""
    before = (dirty / "bench.jsonl").read_bytes()
    words = ["data", "hygiene", "--data", str(dirty), "--out", str(dirty / "out"), "--cache", str(dirty / "cache")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert (dirty / "bench.jsonl").read_bytes() == before
    return dirty / "out"


def test_what_contradicts_the_definitions_is_told_once_for_all_photos(
    app: typer.Typer, make_row: MakeRow, write_manifest: Write, tmp_path: Path
) -> None:
    folder = write_manifest(*(make_row(name, category="toys") for name in ("a", "b")))
    words = ["data", "hygiene", "--data", str(folder), "--out", str(folder / "out"), "--cache", str(folder / "c")]
    told = CliRunner().invoke(app, words).output
    assert told.count("unknown_category") == told.count("too_small") == 1
    text = (SHIPPED / "packaging.yaml").read_text(encoding="utf-8")
    (tmp_path / "toys.yaml").write_text(text.replace("name: packaging", "name: toys", 1), encoding="utf-8")
    assert "unknown" not in CliRunner().invoke(app, [*words, "--categories", str(tmp_path)]).output


def test_the_page_needs_nothing_else_and_says_not_to_publish_it(written: Path) -> None:
    page = (written / "hygiene.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
    assert "do not publish" in page
    assert page.count('src="data:image/jpeg') == 2 + 2 + 2 + 2
    assert page.index("Leak: 1") < page.index("Copies of a photo")


def test_the_page_holds_the_fixes_of_each_card(written: Path) -> None:
    page = (written / "hygiene.html").read_text(encoding="utf-8")
    [text] = re.findall(r'id="fixes">(.*?)</script>', page)
    fixes = [fix for card in json.loads(text).values() for fix in card]
    lines = (written / "hygiene.jsonl").read_text(encoding="utf-8").splitlines()
    assert fixes == [json.loads(line) | {"chosen": True} for line in lines]
    assert [json.loads(line)["chosen"] for line in lines] == [True, True, True, True, False]
    table = (written / "hygiene.csv").read_text(encoding="utf-8").splitlines()
    assert [row["id"] for row in csv.DictReader(table)] == [fix["id"] for fix in fixes]


def test_names_are_escaped_on_the_page(app: typer.Typer, make_row: MakeRow, write_manifest: Write) -> None:
    rows = [make_row(name, seed=3, group="<b>g</b>") for name in ("a", "b")]
    rows[1]["id"] = "</script><script>alert(1)</script>"
    folder = write_manifest(*rows)
    words = ["data", "hygiene", "--data", str(folder), "--out", str(folder / "out"), "--cache", str(folder / "c")]
    assert CliRunner().invoke(app, words).exit_code == 0
    page = (folder / "out" / "hygiene.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<b>g</b>" not in page


def test_applying_keeps_the_old_manifest(app: typer.Typer, written: Path, dirty: Path) -> None:
    before = (dirty / "bench.jsonl").read_bytes()
    result = CliRunner().invoke(app, ["data", "apply-fixes", str(written / "hygiene.jsonl"), "--data", str(dirty)])
    assert "1 removed, 13 left" in result.output
    assert (dirty / "bench.before-1.jsonl").read_bytes() == before
    assert "copy" not in {r.id for r in read_manifest(dirty)}
    assert len(list((dirty / "images").iterdir())) == 14


def test_a_manifest_is_not_written_away_from_its_photos(
    app: typer.Typer, written: Path, dirty: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.jsonl"
    words = ["data", "apply-fixes", str(written / "hygiene.jsonl"), "--data", str(dirty), "--out", str(elsewhere)]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, DatasetError)
    assert not elsewhere.exists()


def test_fixes_read_back_as_written(dirty: Path, tmp_path: Path) -> None:
    fixes = look(dirty)[1].fixes
    (tmp_path / "f.jsonl").write_text(fix_lines(fixes), encoding="utf-8")
    assert [fix for _, fix in read_fixes(tmp_path / "f.jsonl")] == fixes


def test_a_condition_that_the_category_lacks_is_not_applied(make_row: MakeRow, write_manifest: Write) -> None:
    folder = write_manifest(make_row("a"))
    (folder / "f.jsonl").write_text(
        '{"id": "a", "issue": "label", "suggestion": {"condition": "used"}, "chosen": true}\n'
    )
    packaging = load_categories()["packaging"]
    short = packaging.model_copy(update={"conditions": packaging.conditions[:2]})
    with pytest.raises(
        DatasetError, match=r"f\.jsonl:1: condition: 'used' in packaging; legal values: unopened, opened"
    ):
        check_conditions(read_manifest(folder), read_fixes(folder / "f.jsonl"), {"packaging": short})


def test_a_decided_condition_takes_the_place_of_the_votes(make_row: MakeRow, write_manifest: Write) -> None:
    folder = write_manifest(make_row("a"))
    (folder / "f.jsonl").write_text(
        '{"id": "a", "issue": "label", "suggestion": {"condition": "used"}, "chosen": true}\n'
    )
    [record] = apply_fixes(read_manifest(folder), read_fixes(folder / "f.jsonl"))
    assert (record.condition, record.votes) == ("used", ("used",))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a", "issue": "label", "suggestion": {"condition": "fine"}}', "f.jsonl:1: suggestion.condition"),
        ('{"id": "a", "issue": "label", "suggestion": {"colour": "red"}}', "suggestion.colour: unknown field"),
        ('{"id": "a", "issue": "fun", "suggestion": {}}', "legal values: leak, group, copy, label, outlier"),
        ('{"id": "b", "issue": "label", "suggestion": {}}', "f.jsonl:1: id: the dataset has no photo 'b'"),
        ('{"id": "a", ', "f.jsonl:1"),
    ],
)
def test_a_wrong_fix_is_refused_with_its_line(
    line: str, message: str, make_row: MakeRow, write_manifest: Write
) -> None:
    folder = write_manifest(make_row("a"))
    (folder / "f.jsonl").write_text(line)
    with pytest.raises(DatasetError) as caught:
        apply_fixes(read_manifest(folder), read_fixes(folder / "f.jsonl"))
    assert message in str(caught.value)
