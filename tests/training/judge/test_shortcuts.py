"""Edits leave the item alone, and only what an edit changes is put down to it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regrade.datasets.manifest import ItemBox, Record, read_manifest
from regrade.models.category.schema import ItemOutline
from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo
from regrade.training.data.edits import EDITS, Editor, Subject, clearness
from regrade.training.judge.predictions import Predictions
from regrade.training.judge.shortcuts import check_shortcuts, survival

BY_NAME = {edit.name: edit for edit in EDITS}
BACKGROUNDS = [name for name in BY_NAME if name.startswith("background")]


@pytest.fixture
def subject() -> Subject:
    """A speckled item in the middle of a green ground, and a red photo to lend its background."""
    rng = np.random.default_rng(0)
    rgb = np.full((120, 160, 3), (20, 160, 60), dtype=np.uint8)
    rgb[30:90, 40:120] = rng.integers(80, 120, (60, 80, 3))
    item = np.zeros((120, 160), dtype=np.float32)
    item[30:90, 40:120] = 1.0
    return Subject(rgb, item, np.full((50, 90, 3), (200, 10, 10), dtype=np.uint8), rng)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_another_background_leaves_the_items_pixels_as_they_are(subject: Subject, name: str) -> None:
    edited = BY_NAME[name].apply(subject)
    assert (edited[36:84, 46:114] == subject.rgb[36:84, 46:114]).all()
    assert edited.shape == subject.rgb.shape


@pytest.mark.parametrize(
    ("name", "colour", "tolerance"),
    [
        ("background_grey", (128, 128, 128), 20),
        ("background_white", (246, 246, 246), 20),
        ("background_cardboard", (176, 138, 98), 30),
        ("background_swapped", (200, 10, 10), 4),
        ("background_own_blurred", (20, 160, 60), 12),
    ],
)
def test_the_background_is_what_the_edit_says(
    subject: Subject, name: str, colour: tuple[int, int, int], tolerance: int
) -> None:
    corner = BY_NAME[name].apply(subject)[:15, :15].reshape(-1, 3)
    assert np.abs(corner.mean(axis=0) - colour).max() <= tolerance


def test_other_edits_do_what_they_say(subject: Subject) -> None:
    assert BY_NAME["crop_80"].apply(subject).shape == (96, 128, 3)
    assert (BY_NAME["mirrored"].apply(subject)[:, ::-1] == subject.rgb).all()
    assert BY_NAME["darker"].apply(subject).mean() == pytest.approx(subject.rgb.mean() * 0.75, abs=1)
    assert BY_NAME["brighter"].apply(subject)[0, 0].tolist() == [25, 200, 75]
    assert 0 < np.abs(BY_NAME["jpeg_40"].apply(subject).astype(int) - subject.rgb).mean() < 20
    small = BY_NAME["item_small"].apply(subject)
    assert np.abs(small[50:70, 65:95].astype(int) - 100).max() < 25
    assert np.abs(small[:20].astype(int) - 128).max() < 30


def test_the_subject_is_not_written_to(subject: Subject) -> None:
    before = subject.rgb.copy()
    for edit in EDITS:
        edit.apply(subject)
    assert (subject.rgb == before).all()


def test_an_outline_is_clear_only_where_colours_change_along_it(subject: Subject) -> None:
    assert clearness(subject.rgb, subject.item) == 1.0
    assert clearness(np.full_like(subject.rgb, 90), subject.item) == 0.0
    assert clearness(subject.rgb, np.ones_like(subject.item)) == 0.0
    assert clearness(subject.rgb, np.roll(subject.item, 40, axis=1)) < 0.8


def on_photo(record: Record, rgb: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], folder: Path) -> Record:
    path = folder / "photo.png"
    Image.fromarray(rgb).save(path)
    return dataclasses.replace(record, file=path, width=rgb.shape[1], height=rgb.shape[0])


def test_an_item_that_fills_the_frame_cannot_be_cut_out(cartons: list[Record], tmp_path: Path) -> None:
    board = np.random.default_rng(0).normal(150, 3, (200, 200, 3)).astype(np.uint8)
    assert not Editor(cartons).can_cut_out(on_photo(cartons[0], board, tmp_path))


def test_a_drawn_box_is_believed(cartons: list[Record], tmp_path: Path) -> None:
    board = np.random.default_rng(0).normal(150, 3, (200, 200, 3)).astype(np.uint8)
    boxed = dataclasses.replace(
        on_photo(cartons[0], board, tmp_path), category="electronics", items=(ItemBox("phone", (40, 40, 160, 160)),)
    )
    editor = Editor([boxed], outline=ItemOutline(rigid=True))
    assert editor.can_cut_out(boxed)
    assert editor.mask(open_photo(boxed.file.read_bytes()), boxed).mean() == pytest.approx(0.36, abs=0.05)


def test_a_swapped_background_is_that_of_another_condition(tiny_dataset: Path) -> None:
    records = [r for r in read_manifest(tiny_dataset) if r.category == "packaging"][:60:6]
    editor = Editor(records)
    for record in records:
        donor = editor._donor(record, np.random.default_rng(0))
        lenders = [r for r in records if (open_photo(r.file.read_bytes()).rgb == donor).all()]
        assert all(r.condition != record.condition for r in lenders)


def test_the_same_photo_is_edited_the_same_way_each_time(cartons: list[Record]) -> None:
    photo = open_photo(cartons[0].file.read_bytes())
    once, again = (Editor(cartons).editing(BY_NAME["background_grey"])(photo, cartons[0]).rgb for _ in range(2))
    assert (once == again).all()


def test_photos_that_are_graded_the_same_survive_and_others_do_not(made_up: Predictions) -> None:
    same = survival("a", "A", made_up, made_up, resamples=100, seed=0)
    assert (same.n, same.macro_f1_change.value, same.regraded.value) == (7, 0.0, 0.0)
    turned = dataclasses.replace(made_up, probabilities=made_up.probabilities[:, ::-1].copy())
    changed = survival("a", "A", made_up, turned, resamples=100, seed=0)
    assert changed.regraded.value == 1.0
    assert changed.macro_f1_change.value < 0
    assert changed.macro_f1_change.high <= 0


def test_predictions_of_other_photos_are_not_compared(made_up: Predictions) -> None:
    with pytest.raises(ValueError, match="different photos"):
        survival("a", "A", made_up, made_up.take(np.arange(5)), resamples=100, seed=0)


def test_every_edit_is_scored_on_the_photos_that_it_suits(any_grader: Grader, graded: Predictions) -> None:
    steps: dict[str, int] = {}

    def watch(what: str, count: int) -> Callable[[], None]:
        steps[what] = count
        return lambda: None

    few = graded.take(np.arange(0, 20, 10))
    table = check_shortcuts(any_grader, few, watch=watch, resamples=100)
    assert [s.name for s in table] == [e.name for e in EDITS]
    assert all(s.n == 2 for s in table if not BY_NAME[s.name].cuts_out)
    assert steps["packaging: edited photos"] == sum(s.n for s in table)
