"""Damage of shoes: on the shoe, repeatable, visible, at any size of photo."""

import cv2
import numpy as np
import pytest

from regrade.datasets.synth.cloth.shoes import RECIPES, sole_gap
from regrade.datasets.synth.drawing import box_of
from regrade.datasets.synth.scene import Painted, PhotoScene, Recipe
from regrade.models.category.schema import ItemOutline
from regrade.models.types import DEFECT_TYPES

SHOE = ItemOutline(centred=True, least_share=0.04)

DAMAGE = [pytest.param(r, id=r.name) for r in RECIPES]


def shoe(side: int, tone: float = 130) -> PhotoScene:
    """The side of a plain shoe on a table: a flat sole below, an arched upper."""
    rng = np.random.default_rng(1)
    pixels = np.full((side * 3 // 4, side, 3), 200.0)
    item = np.zeros(pixels.shape[:2], np.float32)
    share = np.array([(0.1, 0.6), (0.12, 0.3), (0.35, 0.2), (0.5, 0.38), (0.85, 0.45), (0.9, 0.6)])
    cv2.fillPoly(item, [np.round(share * side).astype(np.int32)], 1.0)
    pixels[item > 0.5] = (tone, tone * 0.75, tone * 0.6)
    return PhotoScene(
        np.clip(pixels + rng.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8),
        item,
        SHOE,
        "shoes",
    )


def draw(recipe: Recipe, scene: PhotoScene, seeds: int = 3) -> list[Painted]:
    drawn = [recipe.paint(scene, np.random.default_rng(seed)) for seed in range(seeds)]
    return [d for d in drawn if d is not None]


def test_recipes_name_known_defects() -> None:
    assert all(r.defect in DEFECT_TYPES for r in RECIPES)


@pytest.mark.parametrize("recipe", DAMAGE)
def test_the_same_seed_draws_the_same_and_leaves_its_input_alone(recipe: Recipe) -> None:
    scene = shoe(320)
    before = scene.rgb.copy()
    first, second = draw(recipe, scene), draw(recipe, scene)
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
        np.testing.assert_array_equal(one.mask, other.mask)
    np.testing.assert_array_equal(scene.rgb, before)


@pytest.mark.parametrize("recipe", DAMAGE)
@pytest.mark.parametrize("side", [64, 480, 1024])
def test_damage_lies_on_the_shoe_and_can_be_seen(recipe: Recipe, side: int) -> None:
    scene = shoe(side)
    made = draw(recipe, scene, 2 if side > 1000 else 4)
    assert made
    for painted in made:
        change = np.abs(painted.rgb.astype(int) - scene.rgb).max(axis=2)
        assert painted.rgb.dtype == np.uint8
        assert painted.mask[scene.item < 0.5].max() == 0
        assert change[painted.mask > 0.15].max() >= 5
        # On a photo of 64 pixels some are too small for a box: the catalogue drops them.
        assert side == 64 or box_of(painted.mask) is not None


@pytest.mark.parametrize("recipe", DAMAGE)
def test_nothing_changes_far_from_the_mask(recipe: Recipe) -> None:
    scene = shoe(480)
    for painted in draw(recipe, scene):
        x1, y1, x2, y2 = box_of(painted.mask) or (0, 0, 0, 0)
        reach = round(0.06 * 480 + 0.35 * max(x2 - x1, y2 - y1))
        near = cv2.dilate((painted.mask > 0.02).astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
        change = np.abs(painted.rgb.astype(int) - scene.rgb).max(axis=2)
        assert (change[near == 0] <= 2).all()


def test_a_sole_comes_off_along_the_lower_edge() -> None:
    scene = shoe(480)
    for painted in draw(Recipe("sole_gap", "broken", "major", sole_gap), scene):
        rows, _ = np.nonzero(painted.mask > 0.5)
        assert rows.min() > scene.box[1] + 0.5 * (scene.box[3] - scene.box[1])
        gap = painted.mask > 0.9
        assert painted.rgb[gap].mean() < scene.rgb[gap].mean() - 20


@pytest.mark.parametrize("recipe", DAMAGE)
def test_a_photo_without_a_shoe_gets_no_damage(recipe: Recipe) -> None:
    scene = shoe(160)
    assert not draw(recipe, PhotoScene(scene.rgb, np.zeros_like(scene.item), SHOE, "shoes"), 3)
