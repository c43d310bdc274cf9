"""Harmless edits of garments and shoes: repeatable, visible, no damage, at any size of photo."""

import cv2
import numpy as np
import pytest

from regrade.datasets.synth.cloth.harmless import HARMLESS
from regrade.datasets.synth.scene import PhotoScene, Recipe
from regrade.models.category.schema import ItemOutline

CLOTH = ItemOutline(least_share=0.06)

EDITS = [pytest.param(r, id=r.name) for r in HARMLESS]
BEYOND = ("shadow", "glare", "ruler", "arrow", "hang_tag")
"""Those that may reach beyond the item."""


def garment(side: int, tone: float = 120) -> PhotoScene:
    """An oval of plain cloth on a pale table, with the camera's noise."""
    rng = np.random.default_rng(0)
    pixels = np.full((side * 3 // 4, side, 3), 190.0)
    item = np.zeros(pixels.shape[:2], np.float32)
    cv2.ellipse(item, (side // 2, side * 3 // 8), (side * 9 // 25, side * 3 // 10), 0, 0, 360, 1.0, -1)
    pixels[item > 0.5] = (tone, tone * 0.85, tone * 0.75)
    return PhotoScene(
        np.clip(pixels + rng.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8),
        item,
        CLOTH,
        "t-shirt",
    )


def test_harmless_edits_name_no_defect() -> None:
    assert all(r.defect == "" for r in HARMLESS)
    assert len({r.name for r in HARMLESS}) == len(HARMLESS)


@pytest.mark.parametrize("recipe", EDITS)
def test_the_same_seed_draws_the_same_and_leaves_its_input_alone(recipe: Recipe) -> None:
    scene = garment(240)
    before = scene.rgb.copy()
    first, second = (recipe.paint(scene, np.random.default_rng(3)) for _ in range(2))
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.mask, second.mask)
    np.testing.assert_array_equal(scene.rgb, before)


@pytest.mark.parametrize("recipe", EDITS)
@pytest.mark.parametrize("side", [64, 320, 1024])
def test_an_edit_can_be_seen_and_keeps_the_shape_of_the_photo(recipe: Recipe, side: int) -> None:
    scene = garment(side)
    made = [
        p
        for seed in range(1 if side > 1000 else 3)
        if (p := recipe.paint(scene, np.random.default_rng(seed))) is not None
    ]
    assert made
    for painted in made:
        assert painted.rgb.shape == scene.rgb.shape
        assert painted.rgb.dtype == np.uint8
        assert painted.mask.shape == scene.size
        assert painted.mask.dtype == np.float32
        assert 0 <= painted.mask.min() <= painted.mask.max() <= 1
        assert (painted.rgb != scene.rgb).any()


@pytest.mark.parametrize("recipe", [pytest.param(r, id=r.name) for r in HARMLESS if not r.name.endswith(BEYOND)])
def test_what_belongs_to_the_cloth_stays_on_it(recipe: Recipe) -> None:
    scene = garment(320)
    for seed in range(4):
        painted = recipe.paint(scene, np.random.default_rng(seed))
        if painted is not None:
            np.testing.assert_array_equal(painted.rgb[scene.item < 0.5], scene.rgb[scene.item < 0.5])


@pytest.mark.parametrize("recipe", EDITS)
def test_a_photo_whose_item_was_not_found_does_no_harm(recipe: Recipe) -> None:
    scene = garment(160)
    empty = PhotoScene(scene.rgb, np.zeros_like(scene.item), CLOTH, "t-shirt")
    painted = recipe.paint(empty, np.random.default_rng(0))
    assert painted is None or painted.rgb.shape == scene.rgb.shape
