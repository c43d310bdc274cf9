"""Training pictures: what their grids say, and that making them can be stopped and repeated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regrade.datasets.category import load_categories
from regrade.datasets.manifest import DefectBox, Record, read_manifest
from regrade.training.data.pictures import (
    LOCAL_TYPES,
    UNKNOWN,
    Corpus,
    cells,
    drawn_anew,
    known_grid,
    pictures_of,
    variants,
)

TEAR = LOCAL_TYPES.index("tear")


@pytest.fixture(scope="module")
def records(tiny_dataset: Path) -> list[Record]:
    return [r for r in read_manifest(tiny_dataset) if r.category == "packaging" and r.split == "train"]


def of(records: list[Record], condition: str) -> Record:
    return next(r for r in records if r.condition == condition)


def corpus(records: list[Record], folder: Path) -> Corpus:
    return Corpus(records[:2], load_categories(), variants(1, 1, 1, 1), side=96, seed=3, folder=folder)


def test_an_undamaged_photo_is_known_to_show_no_tear(records: list[Record]) -> None:
    assert not known_grid(of(records, "opened"), (60, 60))[..., TEAR].any()


def test_a_damaged_photo_without_a_box_may_be_torn_anywhere(records: list[Record]) -> None:
    assert (known_grid(of(records, "damaged"), (60, 60))[..., TEAR] == UNKNOWN).all()


def test_a_drawn_box_is_a_tear_in_its_middle_and_unknown_at_its_rim(records: list[Record]) -> None:
    record = replace(of(records, "damaged"), defects=(DefectBox("tear", "major", (80.0, 80.0, 160.0, 160.0)),))
    layer = known_grid(record, (240, 240))[..., TEAR]
    assert (layer[120, 120], layer[82, 82], layer[10, 10]) == (1, UNKNOWN, 0)


def test_a_hairline_survives_in_the_grid() -> None:
    masks = np.zeros((320, 320, len(LOCAL_TYPES)), dtype=np.uint8)
    masks[100, :, TEAR] = 1
    assert (cells(masks, 20)[TEAR, 6] == 1).all()


def test_drawn_damage_is_in_the_grid_and_a_harmless_edit_is_not(records: list[Record]) -> None:
    made = list(pictures_of(of(records, "opened"), load_categories()["packaging"], variants(1, 1, 2, 0), 96, 0))
    assert {p.kind for p in made} >= {"clean", "harmless"}
    assert all((p.grid == 1).any() == (p.kind == "damaged") for p in made)


def test_the_test_split_has_no_pictures(records: list[Record]) -> None:
    held = replace(records[0], split="test")
    assert list(pictures_of(held, load_categories()["packaging"], variants(1, 0, 0, 0), 96, 0)) == []


def test_pictures_are_the_same_whenever_they_are_made(records: list[Record], tmp_path: Path) -> None:
    first, second = corpus(records, tmp_path / "a"), corpus(records, tmp_path / "b")
    for one in (first, second):
        one.build(workers=1)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.rgb, b.rgb)
        np.testing.assert_array_equal(a.grid, b.grid)


def test_a_finished_corpus_is_not_made_again(records: list[Record], tmp_path: Path) -> None:
    made = corpus(records, tmp_path)
    made.build(workers=1)
    before = {p: p.stat().st_mtime_ns for p in made.folder.iterdir()}
    made.build(workers=1)
    assert before == {p: p.stat().st_mtime_ns for p in made.folder.iterdir()}


def test_each_set_is_drawn_by_itself(records: list[Record], tmp_path: Path) -> None:
    ways = drawn_anew(variants(1, 0, 1, 0), 2)
    made = Corpus(records[:2], load_categories(), ways, side=96, seed=3, folder=tmp_path)
    made.build(workers=1)
    pictures = list(made)
    first, second = ([p for p in pictures if p.draw == draw] for draw in (0, 1))
    assert len(first) == len(second) == len(pictures) / 2
    for a, b in zip(first, second, strict=True):
        assert a.row == b.row
        assert (a.rgb != b.rgb).any()


def test_the_first_set_is_what_there_is_without_others() -> None:
    ways = variants(2, 1, 2, 1)
    assert drawn_anew(ways, 1) == ways
    assert drawn_anew(ways, 3)[: len(ways)] == ways
    assert len({way.name for way in drawn_anew(ways, 3)}) == 3 * len(ways)
