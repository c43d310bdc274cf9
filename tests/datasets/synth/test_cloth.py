"""Damage of garments and the close-ups of it."""

import cv2
import numpy as np
import pytest

from regrade.datasets.category import load_categories
from regrade.datasets.synth.cloth.damage import RECIPES, close_up
from regrade.datasets.synth.scene import Painted, PhotoScene, Recipe
from regrade.models.category.schema import ItemOutline

pytestmark = pytest.mark.slow

CLOTH = ItemOutline(least_share=0.06)

by_name = pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.name)


def garment(side: int, tone: float = 170.0) -> PhotoScene:
    """A shirt-like ellipse of woven cloth on a pale table, `side` × 3/4 `side` pixels."""
    rng = np.random.default_rng(3)
    height, width = side * 3 // 4, side
    item = np.zeros((height, width), np.float32)
    cv2.ellipse(item, (width // 2, height // 2), (int(width * 0.36), int(height * 0.4)), 0, 0, 360, 1, -1)
    pixels = np.where(item[..., None] > 0.5, np.array([tone, tone * 0.9, tone * 0.8]), np.full(3, 205.0))
    pixels = pixels + rng.normal(0, 3, pixels.shape)
    return PhotoScene(np.clip(pixels, 0, 255).astype(np.uint8), item, CLOTH, "t-shirt")


def paint(recipe: Recipe) -> tuple[PhotoScene, Painted]:
    """A garment that the recipe suits (bleach and dust want a dark one) and what it draws there."""
    for tone in (170.0, 50.0):
        scene = garment(320, tone)
        for seed in range(20):
            made = recipe.paint(scene, np.random.default_rng(seed))
            if made is not None:
                return scene, made
    raise AssertionError(f"{recipe.name} finds no place")


def test_names_are_unique_and_defects_are_those_that_apparel_knows() -> None:
    assert len({r.name for r in RECIPES}) == len(RECIPES)
    assert {r.defect for r in RECIPES} <= {d.name for d in load_categories()["apparel"].defect_types}


@by_name
def test_same_seed_draws_the_same(recipe: Recipe) -> None:
    scene = garment(320)
    one, two = (recipe.paint(scene, np.random.default_rng(7)) for _ in range(2))
    assert (one is None) == (two is None)
    if one is not None and two is not None:
        np.testing.assert_array_equal(one.rgb, two.rgb)
        np.testing.assert_array_equal(one.mask, two.mask)


@by_name
def test_draws_on_the_garment_alone_and_leaves_its_input_be(recipe: Recipe) -> None:
    for tone in (170.0, 50.0):
        scene = garment(240, tone)
        before = scene.rgb.copy()
        for seed in range(3):
            made = recipe.paint(scene, np.random.default_rng(seed))
            np.testing.assert_array_equal(scene.rgb, before)
            if made is None:
                continue
            assert (made.rgb.shape, made.rgb.dtype, made.mask.shape) == (before.shape, np.uint8, scene.size)
            assert 0 <= made.mask.min() <= made.mask.max() <= 1
            assert not made.mask[scene.item < 0.01].any()
            np.testing.assert_array_equal(made.rgb[scene.item < 0.01], before[scene.item < 0.01])


@by_name
def test_far_from_the_mask_nothing_changes(recipe: Recipe) -> None:
    scene, made = paint(recipe)
    rows, columns = np.nonzero(made.mask > 0.15)
    reach = int(40 + 1.5 * max(np.ptp(rows), np.ptp(columns)))
    away = np.ones(scene.size, bool)
    top, left = max(0, rows.min() - reach), max(0, columns.min() - reach)
    away[top : rows.max() + reach, left : columns.max() + reach] = False
    np.testing.assert_array_equal(made.rgb[away], scene.rgb[away])


@by_name
def test_what_is_drawn_can_be_seen(recipe: Recipe) -> None:
    scene, made = paint(recipe)
    change = np.abs(made.rgb.astype(int) - scene.rgb).max(axis=2)
    assert np.percentile(change[made.mask > 0.3], 95) >= 7


@pytest.mark.parametrize("side", [48, 800])
@by_name
def test_sizes_follow_the_garment_on_tiny_and_on_large_photos(recipe: Recipe, side: int) -> None:
    scene = garment(side)
    x1, _, x2, _ = scene.box
    for seed in range(2 if side > 500 else 4):
        made = recipe.paint(scene, np.random.default_rng(seed))
        if made is None:
            continue
        columns = np.nonzero(made.mask.max(axis=0) > 0.15)[0]
        assert 0 < np.ptp(columns) + 1 <= max(9.0, 0.8 * (x2 - x1))


@by_name
def test_no_garment_leaves_no_place(recipe: Recipe) -> None:
    scene = garment(200)
    bare = PhotoScene(scene.rgb, np.zeros_like(scene.item), CLOTH, "t-shirt")
    assert recipe.paint(bare, np.random.default_rng(0)) is None


def test_a_dye_lets_the_weave_show_through() -> None:
    striped = garment(400, 200.0)
    rgb = striped.rgb.copy()
    rgb[::8] = rgb[::8] // 2
    scene = PhotoScene(rgb, striped.item, CLOTH, "t-shirt")
    spill = next(r for r in RECIPES if r.name == "stain_spill")
    made = next(p for s in range(40) if (p := spill.paint(scene, np.random.default_rng(s))) and p.mask.sum() > 400)
    deep = made.mask > 0.9
    stripes = np.zeros(scene.size, bool)
    stripes[::8] = True
    assert made.rgb[deep & stripes].mean() < 0.75 * made.rgb[deep & ~stripes].mean()


def test_bleach_lightens_and_never_touches_white_cloth() -> None:
    bleach = next(r for r in RECIPES if r.name == "stain_bleach")
    assert all(bleach.paint(garment(300, 235.0), np.random.default_rng(s)) is None for s in range(10))
    dark = garment(300, 50.0)
    made = next(p for s in range(20) if (p := bleach.paint(dark, np.random.default_rng(s))))
    assert made.rgb[made.mask > 0.8].mean() > dark.rgb[made.mask > 0.8].mean() + 15


@pytest.mark.parametrize("box", [(10.0, 12.0, 40.0, 30.0), (150.0, 90.0, 199.0, 149.0), (0.0, 0.0, 200.0, 150.0)])
def test_close_up_keeps_the_defect_inside(box: tuple[float, float, float, float]) -> None:
    scene = garment(200)
    for seed in range(20):
        crop, (x1, y1, x2, y2) = close_up(scene.rgb, box, scene.item, np.random.default_rng(seed))
        assert max(x1 - box[0], y1 - box[1], box[2] - x2, box[3] - y2) <= 0
        np.testing.assert_array_equal(crop, scene.rgb[int(y1) : int(y2), int(x1) : int(x2)])


def test_close_up_without_a_defect_lies_on_the_garment() -> None:
    scene = garment(400)
    shares = []
    for seed in range(30):
        crop, (x1, y1, x2, y2) = close_up(scene.rgb, None, scene.item, np.random.default_rng(seed))
        assert scene.item[int(y1) : int(y2), int(x1) : int(x2)].any()
        shares.append(crop.shape[1] / 400)
    assert 0.15 < min(shares) < 0.4
    assert 0.6 < max(shares) <= 1
