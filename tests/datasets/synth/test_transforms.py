"""Synthesis within an albumentations pipeline."""

from typing import Any

import albumentations as A
import numpy as np
import pytest

from regrade.datasets.synth.transforms import DefectSynthesis, HarmlessEdit
from regrade.models.errors import DatasetError
from regrade.models.types import DEFECT_TYPES

ITEM = {"type": "phone", "box": (60.0, 40.0, 260.0, 200.0)}


@pytest.fixture
def photo() -> np.ndarray:
    pixels = np.full((240, 320, 3), 190.0)
    pixels[40:200, 60:260] = 45
    return np.clip(pixels + np.random.default_rng(0).normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)


def run(photo: np.ndarray, *steps: Any, seed: int = 3, bboxes: np.ndarray | None = None) -> dict[str, Any]:
    pipeline = A.Compose(list(steps), bbox_params=A.BboxParams(format="pascal_voc"), seed=seed)
    boxes = np.zeros((0, 5), np.float32) if bboxes is None else bboxes
    out: dict[str, Any] = pipeline(image=photo, bboxes=boxes, mask=np.zeros(photo.shape[:2], np.uint8), item=ITEM)
    return out


def test_boxes_and_mask_say_where_damage_was_drawn(photo: np.ndarray) -> None:
    before = photo.copy()
    out = run(photo, DefectSynthesis("electronics", {"crack_web": 1}, p=1))
    assert out["bboxes"].shape == (len(out["bboxes"]), 5)
    assert {DEFECT_TYPES[int(row[4])] for row in out["bboxes"]} == {"crack"}
    rows, columns = np.nonzero(out["mask"])
    union = (*out["bboxes"][:, :2].min(axis=0), *out["bboxes"][:, 2:4].max(axis=0))
    np.testing.assert_allclose(union, (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), atol=0.01)
    assert (out["image"] != photo).any()
    np.testing.assert_array_equal(photo, before)


def test_boxes_move_with_the_photo_through_further_transforms(photo: np.ndarray) -> None:
    draw = {"dead_lines": 1.0}
    plain = run(photo, DefectSynthesis("electronics", draw, p=1))
    flipped = run(photo, DefectSynthesis("electronics", draw, p=1), A.HorizontalFlip(p=1))
    np.testing.assert_array_equal(flipped["image"], plain["image"][:, ::-1])
    np.testing.assert_array_equal(flipped["mask"], plain["mask"][:, ::-1])
    mirrored = plain["bboxes"].copy()
    mirrored[:, [0, 2]] = 320 - mirrored[:, [2, 0]]
    np.testing.assert_allclose(flipped["bboxes"], mirrored, atol=0.01)


def test_boxes_that_were_there_stay_and_new_ones_follow(photo: np.ndarray) -> None:
    there = np.array([[10, 10, 50, 60, 7]], np.float32)
    out = run(photo, DefectSynthesis("electronics", {"ink_blot": 1}, labels=("display",), p=1), bboxes=there)
    np.testing.assert_allclose(out["bboxes"][0], there[0], atol=0.01)
    assert len(out["bboxes"]) >= 2
    assert (out["bboxes"][1:, 4] == 0).all()


def test_the_seed_of_the_pipeline_decides(photo: np.ndarray) -> None:
    one, two, other = (run(photo, DefectSynthesis("electronics", p=1), seed=s) for s in (4, 4, 5))
    np.testing.assert_array_equal(one["image"], two["image"])
    assert (one["image"] != other["image"]).any()


def test_harmless_edits_add_no_box_and_no_mask(photo: np.ndarray) -> None:
    there = np.array([[10, 10, 50, 60, 7]], np.float32)
    out = run(photo, HarmlessEdit("electronics", {"sticker": 1}, p=1), bboxes=there)
    assert (out["image"] != photo).any()
    np.testing.assert_allclose(out["bboxes"], there, atol=0.01)
    assert not out["mask"].any()


def test_works_without_boxes_mask_or_item(photo: np.ndarray) -> None:
    out = A.Compose([DefectSynthesis("packaging", p=1), HarmlessEdit("packaging", p=1)], seed=1)(image=photo)
    assert out["image"].shape == photo.shape
    assert (out["image"] != photo).any()


@pytest.mark.parametrize("transform", [DefectSynthesis, HarmlessEdit])
def test_unknown_categories_and_recipes_are_refused(transform: type[Any]) -> None:
    with pytest.raises(DatasetError, match="no category 'toys'; legal names: apparel"):
        transform("toys")
    with pytest.raises(DatasetError, match="there is no recipe 'melt'; legal names"):
        transform("electronics", {"melt": 1.0})


def test_labels_must_name_what_is_drawn() -> None:
    with pytest.raises(DatasetError, match="labels lack crack"):
        DefectSynthesis("electronics", {"crack_web": 1.0}, labels=("scratch",))


def test_a_photo_of_another_form_is_refused(photo: np.ndarray) -> None:
    with pytest.raises(DatasetError, match=r"uint8 \(h, w, 3\), got float32"):
        DefectSynthesis("electronics", p=1)(image=photo.astype(np.float32))
