"""Pictures with boxes for the detector, made of rendered photos."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from regrade.datasets.category import Category, load_categories
from regrade.datasets.manifest import DefectBox, ItemBox, Record, read_manifest
from regrade.models.errors import DatasetError
from regrade.training.data import detector_pictures as detector_data
from regrade.training.data.close_up import Labelled
from regrade.training.data.detector_pictures import build_data, is_used, pictures_of
from regrade.training.metrics.detection import pictures_in

CATEGORIES = load_categories()


@pytest.fixture(scope="module")
def records(tiny_dataset: Path) -> list[Record]:
    """Six photos of train, three of val and two of test, all with an item and the damaged ones with a boxed tear."""
    found = [r for r in read_manifest(tiny_dataset) if r.category == "packaging"]
    item, tear = ItemBox("package", (40, 40, 200, 200)), DefectBox("tear", "major", (90, 90, 150, 130))

    def boxed(record: Record) -> Record:
        return replace(record, items=(item,), defects=(tear,) if record.condition == "damaged" else ())

    def pick(split: str, condition: str, count: int) -> list[Record]:
        return [boxed(r) for r in found if (r.split, r.condition) == (split, condition)][:count]

    return [
        *pick("train", "used", 4),
        *pick("train", "damaged", 2),
        *pick("val", "unopened", 2),
        *pick("val", "damaged", 1),
        *pick("test", "used", 2),
    ]


def test_every_picture_of_drawn_damage_has_a_box_of_it(records: list[Record], tmp_path: Path) -> None:
    data = build_data(records, CATEGORIES, tmp_path, seed=0, synthesis=True, workers=1)
    classes = tuple(yaml.safe_load(data.read_text())["names"].values())
    pictures = [p for split in ("train", "val") for p in pictures_in(data, split, classes)]
    drawn = [p for p in pictures if "damaged" in p.file.stem]
    assert drawn
    assert all({kind for kind, _ in p.boxes} - {"package"} for p in drawn)


def test_clean_and_harmless_pictures_show_items_alone(records: list[Record], tmp_path: Path) -> None:
    data = build_data(records, CATEGORIES, tmp_path, seed=0, synthesis=True, workers=1)
    classes = tuple(yaml.safe_load(data.read_text())["names"].values())
    intact = [p for p in pictures_in(data, "train", classes) if p.file.stem.endswith(("-clean", "-harmless"))]
    assert len(intact) >= 4
    assert {kind for p in intact for kind, _ in p.boxes} <= {"package"}


def test_boxes_come_back_where_they_were_drawn(records: list[Record], tmp_path: Path) -> None:
    data = build_data(records, CATEGORIES, tmp_path, seed=0, synthesis=False, workers=1)
    (whole,) = [p for p in pictures_in(data, "val", ("package", "tear")) if p.file.stem.endswith("-real")]
    assert [kind for kind, _ in whole.boxes] == ["package", "tear"]
    assert np.allclose(whole.boxes[1][1], (90, 90, 150, 130), atol=0.01)


def test_no_photo_of_the_test_split_is_used(records: list[Record], tmp_path: Path) -> None:
    with_test = build_data(records, CATEGORIES, tmp_path, seed=0, synthesis=False, workers=1)
    without = build_data([r for r in records if r.split != "test"], CATEGORIES, tmp_path, seed=0, synthesis=False)
    assert with_test == without
    assert yaml.safe_load(with_test.read_text()).keys() == {"path", "train", "val", "names"}


def test_damaged_photos_without_boxes_and_ungraded_ones_are_left_out(records: list[Record]) -> None:
    damaged = next(r for r in records if r.condition == "damaged")
    assert is_used(damaged)
    assert not is_used(replace(damaged, defects=()))
    assert not is_used(replace(damaged, defects=(DefectBox("open", "minor", (0, 0, 9, 9)),)))
    assert not is_used(replace(records[0], condition=None))


def test_an_interrupted_build_goes_on_and_ends_the_same(
    records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build_data(records, CATEGORIES, tmp_path / "whole", seed=0, synthesis=True, workers=1)
    made: list[str] = []

    def counted(record: Record, category: Category, *, seed: int, synthesis: bool) -> Iterator[tuple[str, Labelled]]:
        made.append(record.id)
        return pictures_of(record, category, seed=seed, synthesis=synthesis)

    def stopped(record: Record, category: Category, *, seed: int, synthesis: bool) -> Iterator[tuple[str, Labelled]]:
        if len(made) == 3:
            raise KeyboardInterrupt
        return counted(record, category, seed=seed, synthesis=synthesis)

    monkeypatch.setattr(detector_data, "pictures_of", stopped)
    with pytest.raises(KeyboardInterrupt):
        build_data(records, CATEGORIES, tmp_path / "parts", seed=0, synthesis=True, workers=1)
    first, made = made, []
    monkeypatch.setattr(detector_data, "pictures_of", counted)
    parts = build_data(records, CATEGORIES, tmp_path / "parts", seed=0, synthesis=True, workers=1)
    assert len(first) == 3
    assert made
    assert not set(first) & set(made)
    assert _content(parts.parent) == _content(whole.parent)


def test_another_seed_draws_other_damage(records: list[Record], tmp_path: Path) -> None:
    one, two = (dict(pictures_of(records[0], CATEGORIES["packaging"], seed=seed, synthesis=True)) for seed in (0, 1))
    again = dict(pictures_of(records[0], CATEGORIES["packaging"], seed=0, synthesis=True))
    assert any(way not in two or not np.array_equal(one[way].rgb, two[way].rgb) for way in one if "damaged" in way)
    assert all(np.array_equal(one[way].rgb, again[way].rgb) for way in one)


def test_photos_of_one_split_alone_are_refused(records: list[Record], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no picture for val"):
        build_data([r for r in records if r.split == "train"], CATEGORIES, tmp_path, seed=0, synthesis=False, workers=1)


def test_photos_without_any_box_and_nothing_drawn_are_refused(records: list[Record], tmp_path: Path) -> None:
    bare = [replace(r, items=(), defects=()) for r in records if r.condition != "damaged"]
    with pytest.raises(DatasetError, match="nothing to detect"):
        build_data(bare, CATEGORIES, tmp_path, seed=0, synthesis=False, workers=1)


def _content(home: Path) -> dict[str, bytes]:
    return {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.suffix in (".jpg", ".json")}
