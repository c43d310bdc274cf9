"""Several datasets as one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from regrade.datasets import cli
from regrade.datasets.joining import join
from regrade.datasets.manifest import read_manifest
from regrade.models.errors import DatasetError

MakeRow = Callable[..., dict[str, Any]]


@pytest.fixture
def dataset(make_row: MakeRow, tmp_path: Path) -> Callable[..., Path]:
    """Write rows of photos to a manifest of this name: `dataset("one.jsonl", row, …)`."""

    def write(name: str, *rows: dict[str, Any]) -> Path:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return tmp_path / name

    return write


UNGRADED: dict[str, Any] = {"condition": None, "votes": [], "defects": [], "defect_codes": []}


def test_photos_of_both_lie_in_the_new_folder(dataset: Any, make_row: MakeRow, tmp_path: Path) -> None:
    first, second = dataset("1.jsonl", make_row("a")), dataset("2.jsonl", make_row("b", source="other"))
    found = join([first, second], [], tmp_path / "both")
    assert (found.photos, found.labelled, found.copies) == (2, 0, 0)
    a, b = read_manifest(tmp_path / "both")
    assert (a.id, b.id, b.source) == ("a", "b", "other")
    assert a.file.parent == tmp_path / "both" / "images"
    assert a.file.read_bytes() == (tmp_path / "images" / "a.jpg").read_bytes()


def test_a_photo_that_is_in_both_is_taken_once_as_the_first_has_it(
    dataset: Any, make_row: MakeRow, tmp_path: Path
) -> None:
    again = make_row("a") | {"id": "copy", "split": "test"}
    found = join([dataset("1.jsonl", make_row("a")), dataset("2.jsonl", again)], [], tmp_path / "both")
    assert (found.photos, found.copies) == (1, 1)
    [only] = read_manifest(tmp_path / "both")
    assert (only.id, only.split) == ("a", "train")


def test_groups_of_the_same_name_stay_apart(dataset: Any, make_row: MakeRow, tmp_path: Path) -> None:
    rows = [make_row(name, group="box-1") for name in ("a", "b", "c")]
    join([dataset("1.jsonl", *rows[:2]), dataset("2.jsonl", rows[2])], [], tmp_path / "both")
    a, b, c = read_manifest(tmp_path / "both")
    assert a.group == b.group != c.group


def test_labels_that_came_later_are_put_in(dataset: Any, make_row: MakeRow, tmp_path: Path) -> None:
    said = {"id": "a", "condition": "used", "votes": ["used", "used"], "defect_codes": ["scuff"], "sure": 0.8}
    labels = dataset("labels.jsonl", said)
    assert join([dataset("1.jsonl", make_row("a", **UNGRADED))], [labels], tmp_path / "both").labelled == 1
    [only] = read_manifest(tmp_path / "both")
    assert (only.condition, only.votes, only.defect_codes) == ("used", ("used", "used"), ("scuff",))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"id": "x", "condition": "used"}, "labels x, which is in no manifest"),
        ({"id": "b", "condition": "used"}, "labels b, which has votes already"),
        ({"id": "a", "condition": "worn"}, "worn"),
        ({"condition": "used"}, "id"),
    ],
)
def test_labels_that_fit_no_photo_are_refused(
    dataset: Any, make_row: MakeRow, tmp_path: Path, said: dict[str, Any], message: str
) -> None:
    photos = dataset("1.jsonl", make_row("a", **UNGRADED), make_row("b"))
    with pytest.raises(DatasetError, match=message):
        join([photos], [dataset("labels.jsonl", said)], tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_a_photo_labelled_twice_is_refused(dataset: Any, make_row: MakeRow, tmp_path: Path) -> None:
    labels = dataset("labels.jsonl", {"id": "a", "condition": "used"}, {"id": "a", "condition": "opened"})
    with pytest.raises(DatasetError, match="labels a a second time"):
        join([dataset("1.jsonl", make_row("a", **UNGRADED))], [labels], tmp_path / "both")


def test_an_id_that_stands_for_two_photos_is_refused(dataset: Any, make_row: MakeRow, tmp_path: Path) -> None:
    other = make_row("b") | {"id": "a"}
    with pytest.raises(DatasetError, match="id a stands for two photos"):
        join([dataset("1.jsonl", make_row("a")), dataset("2.jsonl", other)], [], tmp_path / "both")


def test_the_command_says_what_came_together(dataset: Any, make_row: MakeRow, tmp_path: Path) -> None:
    app = typer.Typer()
    cli.register(app)
    photos = dataset("1.jsonl", make_row("a"), make_row("b"))
    result = CliRunner().invoke(app, ["data", "join", str(tmp_path / "both"), str(photos)])
    assert result.exit_code == 0
    assert "2 photos, 0 labelled anew, 0 copies left out" in result.output
