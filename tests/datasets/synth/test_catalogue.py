"""Recipes by name and weight, for every shipped category."""

from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np
import pytest

from regrade.datasets.category import Category, Synthesis, load_categories
from regrade.datasets.synth import catalogue
from regrade.datasets.synth.catalogue import damage, recipe, scene_of, synthesize, synthesize_harmless, weights_of
from regrade.datasets.synth.scene import PhotoScene
from regrade.models.category.schema import ItemOutline
from regrade.models.errors import DatasetError

CARTON = ItemOutline(rigid=True, cardboard=True)

CATEGORIES = load_categories()
each_category = pytest.mark.parametrize("category", CATEGORIES.values(), ids=lambda c: c.name)


@pytest.fixture(scope="module")
def scene() -> PhotoScene:
    rng = np.random.default_rng(0)
    pixels = np.full((240, 320, 3), 185.0)
    item = np.zeros((240, 320), np.float32)
    cv2.rectangle(item, (70, 40), (250, 200), 1.0, -1)
    pixels[item > 0] = (120, 95, 70)
    pixels += rng.normal(0, 4, pixels.shape)
    return PhotoScene(
        np.clip(pixels, 0, 255).astype(np.uint8),
        item,
        CARTON,
        "carton",
        (70.0, 40.0, 251.0, 201.0),
    )


def of(scene: PhotoScene, category: Category) -> PhotoScene:
    return PhotoScene(scene.rgb, scene.item, category.outline, category.item_types[0], scene.item_box)


@each_category
def test_shipped_categories_ask_only_for_recipes_that_draw_their_own_defects(category: Category) -> None:
    drawn, edits = weights_of(category)
    assert drawn
    assert edits
    assert {damage()[name].defect for name in drawn} <= set(category.defect_names)


@each_category
def test_boxes_are_the_extent_of_the_mask_and_name_the_recipe_s_defect(scene: PhotoScene, category: Category) -> None:
    drawn, _ = weights_of(category)
    done = 0
    for seed in range(6):
        made = synthesize(of(scene, category), drawn, np.random.default_rng(seed), most=1)
        if made is None:
            continue
        done += 1
        rows, columns = np.nonzero(made.mask > 0.15)
        assert made.defects[0].box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert (made.defects[0].type, made.defects[0].severity) == (
            damage()[made.recipes[0]].defect,
            damage()[made.recipes[0]].severity,
        )
    assert done >= 3


@each_category
def test_the_same_seed_makes_the_same_photo_whatever_the_order_of_the_weights(
    scene: PhotoScene, category: Category
) -> None:
    drawn, edits = weights_of(category)
    turned = dict(reversed(list(drawn.items())))
    before = scene.rgb.copy()
    one = synthesize(of(scene, category), drawn, np.random.default_rng(5), before=edits)
    two = synthesize(of(scene, category), turned, np.random.default_rng(5), before=edits)
    assert one is not None
    assert two is not None
    assert one.defects == two.defects
    np.testing.assert_array_equal(one.rgb, two.rgb)
    np.testing.assert_array_equal(scene.rgb, before)


@each_category
def test_harmless_edits_change_a_copy(scene: PhotoScene, category: Category) -> None:
    _, edits = weights_of(category)
    before = scene.rgb.copy()
    changed = [synthesize_harmless(of(scene, category), edits, np.random.default_rng(s)) for s in range(4)]
    assert any((rgb != before).any() for rgb in changed)
    np.testing.assert_array_equal(scene.rgb, before)


def test_weights_say_how_often_a_recipe_is_drawn(scene: PhotoScene) -> None:
    weights = MappingProxyType({"dead_lines": 9.0, "ink_blot": 1.0})
    names = [
        name
        for seed in range(40)
        if (made := synthesize(of(scene, CATEGORIES["electronics"]), weights, np.random.default_rng(seed), most=1))
        for name in made.recipes
    ]
    assert 25 < names.count("dead_lines") < 40
    assert names.count("ink_blot") > 0


def test_no_weights_draw_nothing(scene: PhotoScene) -> None:
    assert synthesize(scene, {}, np.random.default_rng(0)) is None
    np.testing.assert_array_equal(synthesize_harmless(scene, {}, np.random.default_rng(0)), scene.rgb)


@pytest.mark.parametrize("weights", [{"crak_web": 1.0}, {"glare": 1.0}])
def test_unknown_names_are_refused_with_the_legal_ones(scene: PhotoScene, weights: Mapping[str, float]) -> None:
    with pytest.raises(DatasetError, match=r"there is no recipe .*crack_web"):
        synthesize(scene, weights, np.random.default_rng(0))


def test_a_recipe_is_found_by_its_name_damaging_or_not() -> None:
    assert recipe("crack_web").defect == "crack"
    assert recipe("glare").defect == ""
    with pytest.raises(DatasetError, match=r"legal names: .*crack_web.*glare"):
        recipe("crack")


def test_a_category_that_asks_for_what_it_does_not_list_is_refused() -> None:
    electronics = CATEGORIES["electronics"]
    wrong = electronics.model_copy(update={"synthesis": Synthesis(damage={"board_tear": 1.0})})
    with pytest.raises(DatasetError, match="'electronics': synthesis: 'board_tear' draws 'tear'"):
        weights_of(wrong)
    unknown = electronics.model_copy(update={"synthesis": Synthesis(harmless={"glimmer": 1.0})})
    with pytest.raises(DatasetError, match="'electronics': synthesis: there is no recipe 'glimmer'"):
        weights_of(unknown)


def test_the_scene_of_a_photo_knows_its_item(scene: PhotoScene) -> None:
    found = scene_of(scene.rgb, CARTON, "carton", scene.item_box)
    assert found.item[100:140, 120:200].mean() > 0.9
    assert found.item[:20].mean() < 0.1
    assert catalogue.VERSION >= 6
