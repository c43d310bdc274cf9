"""Damage to cartons and harmless edits: on the item, covered by its mask, repeatable, and of the item's size."""

from itertools import product

import cv2
import numpy as np
import pytest

from regrade.datasets.category import load_categories
from regrade.datasets.synth.board.damage import RECIPES
from regrade.datasets.synth.board.harmless import HARMLESS
from regrade.datasets.synth.scene import Painted, PhotoScene, Recipe
from regrade.models.category.schema import ItemOutline

pytestmark = pytest.mark.slow

CARTON = ItemOutline(rigid=True, cardboard=True)

EVERYTHING = (*RECIPES, *HARMLESS)
WHOLE_PHOTO = ("cast_shadow", "background_light", "bent_view")
"""Edits that are of the light or the view, not of the item."""


def name_of(one: object) -> str:
    return one.name if isinstance(one, Recipe) else str(one)


def carton(height: int = 240, width: int = 320) -> PhotoScene:
    """A brown carton with a tape across, turned a little, on a grey bench."""
    rng = np.random.default_rng(0)
    pixels = np.full((height, width, 3), (176.0, 178, 180), np.float32)
    size = min(height, width)
    corners = cv2.boxPoints(((width / 2, height / 2), (1.0 * size, 0.62 * size), 12.0))
    item = np.zeros((height, width), np.float32)
    cv2.fillPoly(item, [corners.astype(np.int32)], 1.0)
    pixels[item > 0.5] = (165, 125, 80)
    middle = ((corners[0] + corners[1]) / 2).astype(int), ((corners[2] + corners[3]) / 2).astype(int)
    cv2.line(pixels, middle[0].tolist(), middle[1].tolist(), (120, 85, 50), max(1, size // 20))
    rgb = np.clip(pixels + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)
    return PhotoScene(rgb, item, CARTON, "carton")


def with_mask(scene: PhotoScene, item: np.ndarray) -> PhotoScene:
    return PhotoScene(scene.rgb, item.astype(np.float32), scene.outline, scene.item_type)


def drawn(one: Recipe, scene: PhotoScene, count: int = 2) -> list[Painted]:
    """What a recipe draws with a few seeds, less the times when it found no place."""
    made = [one.paint(scene, np.random.default_rng(seed)) for seed in range(count)]
    return [m for m in made if m is not None]


@pytest.mark.parametrize("one", EVERYTHING, ids=name_of)
def test_the_same_seed_draws_the_same_and_writes_to_nothing_it_was_given(one: Recipe) -> None:
    scene = carton()
    before = scene.rgb.copy(), scene.item.copy()
    scene.rgb.flags.writeable = scene.item.flags.writeable = False
    first, second = drawn(one, scene), drawn(one, scene)
    assert first
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.rgb, b.rgb)
        np.testing.assert_array_equal(a.mask, b.mask)
    np.testing.assert_array_equal(scene.rgb, before[0])
    np.testing.assert_array_equal(scene.item, before[1])


@pytest.mark.parametrize("one", EVERYTHING, ids=name_of)
def test_what_changed_is_covered_by_the_mask(one: Recipe) -> None:
    scene = carton()
    for made in drawn(one, scene):
        assert made.rgb.dtype == np.uint8
        assert made.mask.dtype == np.float32
        assert made.rgb.shape == scene.rgb.shape
        assert made.mask.min() >= 0
        assert made.mask.max() <= 1
        changed = np.abs(made.rgb.astype(int) - scene.rgb).max(axis=2)
        assert changed[made.mask > 0.3].max() > 8
        assert changed[made.mask == 0].max(initial=0) <= 4


@pytest.mark.parametrize("one", [r for r in EVERYTHING if r.name not in WHOLE_PHOTO], ids=name_of)
def test_it_is_drawn_on_the_item_or_at_its_edge(one: Recipe) -> None:
    scene = carton()
    near = cv2.dilate(scene.item, np.ones((9, 9), np.uint8)) > 0.5
    for made in drawn(one, scene):
        strong = made.mask > 0.5 * made.mask.max()
        # A flap that is folded back may stand out over the item's edge; nothing else does.
        assert (strong & near).sum() > 0.55 * strong.sum()


@pytest.mark.parametrize("one", RECIPES, ids=name_of)
def test_damage_is_in_keeping_with_the_item(one: Recipe) -> None:
    small, large = (drawn(one, carton(*size), 6) for size in ((120, 160), (360, 480)))
    shares = [np.median([(m.mask > 0.15).mean() for m in made]) for made in (small, large)]
    assert 0.3 < shares[0] / shares[1] < 3.5


@pytest.mark.parametrize(("one", "size"), list(product(EVERYTHING, [(24, 32), (360, 480), (40, 400)])), ids=name_of)
def test_photos_of_any_size_are_taken(one: Recipe, size: tuple[int, int]) -> None:
    for made in drawn(one, carton(*size), 1):
        assert made.rgb.shape == (*size, 3)


@pytest.mark.parametrize("one", EVERYTHING, ids=name_of)
@pytest.mark.parametrize("item", ["nothing", "everything", "a dot", "the border"])
def test_degenerate_masks_are_survived(one: Recipe, item: str) -> None:
    scene = carton(96, 128)
    mask = np.zeros(scene.size)
    if item == "everything":
        mask[:] = 1
    elif item == "a dot":
        mask[48, 64] = 1
    elif item == "the border":
        mask[:, :3] = 1
    for made in drawn(one, with_mask(scene, mask), 2):
        assert np.isfinite(made.mask).all()


@pytest.mark.parametrize("name", ["board_tear", "board_hole", "dent", "crumpled", "water_stain"])
def test_a_close_up_of_board_can_be_damaged(name: str) -> None:
    board = np.random.default_rng(0).normal((170, 130, 85), 4, (240, 320, 3)).clip(0, 255).astype(np.uint8)
    scene = PhotoScene(board, np.ones((240, 320), np.float32), CARTON, "carton")
    one = next(r for r in RECIPES if r.name == name)
    assert len(drawn(one, scene, 3)) >= 2


@pytest.mark.parametrize("name", ["crushed_corner", "crushed_edge", "torn_off"])
def test_what_a_close_up_has_no_outline_for_is_not_drawn_on_it(name: str) -> None:
    scene = with_mask(carton(), np.ones((240, 320)))
    one = next(r for r in RECIPES if r.name == name)
    assert drawn(one, scene) == []


@pytest.mark.parametrize("name", ["crushed_corner", "crushed_edge"])
def test_a_crush_moves_the_outline_inwards(name: str) -> None:
    scene = carton()
    one = next(r for r in RECIPES if r.name == name)
    brown = [np.count_nonzero(m.rgb[..., 0].astype(int) - m.rgb[..., 2] > 40) for m in drawn(one, scene)]
    assert np.mean(brown) < 0.995 * np.count_nonzero(scene.rgb[..., 0].astype(int) - scene.rgb[..., 2] > 40)


def test_recipes_name_defects_of_the_category_and_harmless_edits_none() -> None:
    names = load_categories()["packaging"].defect_names
    assert {r.defect for r in RECIPES} == {"tear", "hole", "crush", "wet"}
    assert {r.defect for r in RECIPES} <= set(names)
    assert {r.defect for r in HARMLESS} == {""}
    assert len({r.name for r in EVERYTHING}) == len(EVERYTHING)
