"""Damage of devices, and edits of them that are none: visible, in their place, repeatable, at any size of photo."""

import cv2
import numpy as np
import pytest

from regrade.datasets.category import load_categories
from regrade.datasets.synth.devices.damage import RECIPES
from regrade.datasets.synth.drawing import VISIBLE
from regrade.datasets.synth.harmless import HARMLESS
from regrade.datasets.synth.scene import Painted, PhotoScene, Recipe
from regrade.datasets.synth.surfaces import display
from regrade.models.category.schema import ItemOutline

pytestmark = pytest.mark.slow

DEVICE = ItemOutline(rigid=True, display=True)

damaging = pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.name)
any_edit = pytest.mark.parametrize("recipe", RECIPES + HARMLESS, ids=lambda r: r.name)


def device(side: int, item_type: str = "phone", height: int | None = None) -> PhotoScene:
    """A dark phone that lies askew on a pale table, with a little noise, `side` pixels wide."""
    height = height or side * 4 // 5
    rng = np.random.default_rng(1)
    corners = np.array([(0.22, 0.16), (0.74, 0.1), (0.8, 0.86), (0.17, 0.9)]) * (side, height)
    item = np.zeros((height, side), np.float32)
    cv2.fillPoly(item, [np.round(corners).astype(np.int32)], 1.0)
    tone = np.where(item[..., None] > 0.5, np.array([46.0, 48, 54]), np.array([188.0, 176, 160]))
    rgb = np.clip(tone + rng.normal(0, 3, (height, side, 3)), 0, 255).astype(np.uint8)
    box = (
        float(corners[:, 0].min()),
        float(corners[:, 1].min()),
        float(corners[:, 0].max()),
        float(corners[:, 1].max()),
    )
    return PhotoScene(rgb, item, DEVICE, item_type, box)


def paint(recipe: Recipe, side: int = 320) -> tuple[PhotoScene, Painted]:
    """A device that the recipe suits, and what it draws there."""
    scene = device(side, "keyboard" if recipe.name == "missing_key" else "phone")
    for seed in range(20):
        made = recipe.paint(scene, np.random.default_rng(seed))
        if made is not None:
            return scene, made
    raise AssertionError(f"{recipe.name} finds no place")


def test_names_are_unique_and_defects_are_those_that_electronics_knows() -> None:
    assert len({r.name for r in RECIPES + HARMLESS}) == len(RECIPES) + len(HARMLESS)
    assert {r.defect for r in RECIPES} <= set(load_categories()["electronics"].defect_names)
    assert {(r.defect, r.severity) for r in HARMLESS} == {("", "")}


@any_edit
def test_the_same_seed_draws_the_same(recipe: Recipe) -> None:
    scene, _ = paint(recipe, 200)
    for seed in range(2):
        one, two = (recipe.paint(scene, np.random.default_rng(seed)) for _ in range(2))
        assert (one is None) == (two is None)
        if one is not None and two is not None:
            np.testing.assert_array_equal(one.rgb, two.rgb)
            np.testing.assert_array_equal(one.mask, two.mask)


@any_edit
def test_what_is_drawn_can_be_seen_and_leaves_all_else_and_its_input_be(recipe: Recipe) -> None:
    scene, made = paint(recipe)
    before = scene.rgb.copy()
    recipe.paint(scene, np.random.default_rng(0))
    np.testing.assert_array_equal(scene.rgb, before)
    changed = (made.rgb != scene.rgb).any(axis=2)
    near = cv2.dilate((made.mask > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert not (changed & ~near).any()
    assert np.abs(made.rgb.astype(int) - scene.rgb).max() > (16 if recipe.defect else 5)
    assert made.rgb.dtype == np.uint8
    assert made.mask.dtype == np.float32
    assert 0 <= made.mask.min() <= made.mask.max() <= 1


@damaging
def test_damage_lies_on_the_device(recipe: Recipe) -> None:
    scene, made = paint(recipe)
    around = cv2.dilate(scene.item, np.ones((13, 13), np.uint8)) > 0.5
    assert (made.mask > VISIBLE)[around].sum() >= 0.97 * (made.mask > VISIBLE).sum()


@any_edit
@pytest.mark.parametrize(("width", "height"), [(40, 32), (33, 90), (1024, 768)])
def test_every_recipe_copes_with_tiny_and_large_photos(recipe: Recipe, width: int, height: int) -> None:
    scene = device(width, "keyboard" if recipe.name == "missing_key" else "phone", height)
    for seed in range(1 if width > 1000 else 3):
        made = recipe.paint(scene, np.random.default_rng(seed))
        assert made is None or (made.rgb.shape == scene.rgb.shape and made.mask.shape == scene.item.shape)


def test_pen_writes_words_of_any_length() -> None:
    """How many letters a line has is drawn by lot; a hundred lots meet nearly every number."""
    recipe = next(one for one in HARMLESS if one.name == "pen")
    scene = device(96)
    made = [recipe.paint(scene, np.random.default_rng(seed)) for seed in range(100)]
    assert sum(m is not None and m.mask.max() > VISIBLE for m in made) > 50


@any_edit
def test_an_item_that_was_not_found_and_a_misplaced_box_do_no_harm(recipe: Recipe) -> None:
    whole = device(160)
    for item, box in ((np.zeros_like(whole.item), None), (whole.item, (900.0, 900.0, 990.0, 990.0))):
        scene = PhotoScene(whole.rgb, item, DEVICE, "phone", box)
        made = recipe.paint(scene, np.random.default_rng(2))
        assert made is None or made.rgb.shape == whole.rgb.shape


@pytest.mark.parametrize("item_type", ["mouse", "keyboard"])
@pytest.mark.parametrize("name", ["crack_web", "spider_web", "shattered", "hairline", "dead_lines", "ink_blot"])
def test_what_has_no_glass_gets_no_broken_glass(item_type: str, name: str) -> None:
    recipe = next(r for r in RECIPES if r.name == name)
    assert recipe.paint(device(200, item_type), np.random.default_rng(0)) is None


def test_the_display_is_found_within_a_few_pixels_of_its_corners() -> None:
    scene = device(400)
    face = display(scene)
    assert face.found
    corners = np.array([(0.22, 0.16), (0.74, 0.1), (0.8, 0.86), (0.17, 0.9)]) * (400, 320)
    assert np.abs(face.corners - corners).max() < 10
    np.testing.assert_allclose(face.project([(0.0, 0.0)])[0], face.corners[0], atol=0.01)
    np.testing.assert_allclose(face.project(face.at(1, 1))[0], face.corners[2], atol=0.01)


def test_cracks_are_pale_on_dark_displays_and_follow_the_light_of_the_photo() -> None:
    recipe = next(r for r in RECIPES if r.name == "spider_web")
    scene, made = paint(recipe)
    dim = PhotoScene(
        (scene.rgb * 0.3).astype(np.uint8),
        scene.item,
        DEVICE,
        "phone",
        scene.item_box,
    )
    drawn = recipe.paint(dim, np.random.default_rng(0))
    assert drawn is not None
    assert made.rgb[made.mask > 0.9].mean() > scene.rgb[made.mask > 0.9].mean() + 15
    assert drawn.rgb.max() < 150
