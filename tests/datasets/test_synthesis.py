"""Synthetic damage: visible, inside its box, repeatable, and not the only thing that is ever drawn."""

import numpy as np
import pytest

from regrade.datasets.category import load_categories
from regrade.datasets.synthesis import HARMLESS, RECIPES, synthesize, synthesize_harmless
from regrade.models.errors import DatasetError

CATEGORIES = sorted(RECIPES)


@pytest.fixture
def photo() -> np.ndarray:
    """A plain item on a plain bench, with a little noise."""
    rng = np.random.default_rng(0)
    pixels = np.full((300, 400, 3), 170.0)
    pixels[60:240, 80:320] = (120, 100, 80)
    return np.clip(pixels + rng.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("seed", range(8))
def test_what_changed_lies_in_the_boxes(photo: np.ndarray, category: str, seed: int) -> None:
    made = synthesize(photo, category, (80, 60, 320, 240), np.random.default_rng(seed))
    assert made is not None
    changed = np.abs(made.rgb.astype(int) - photo).max(axis=2) > 40
    boxed = np.zeros_like(changed)
    for x1, y1, x2, y2 in (d.box for d in made.defects):
        boxed[max(0, int(y1) - 6) : int(y2) + 6, max(0, int(x1) - 6) : int(x2) + 6] = True
    assert changed.any()
    assert (changed & ~boxed).sum() <= 0.02 * changed.sum()


@pytest.mark.parametrize("category", CATEGORIES)
def test_boxes_lie_in_the_photo_and_name_a_defect_of_the_category(photo: np.ndarray, category: str) -> None:
    names = load_categories()[category].defect_names
    for seed in range(20):
        made = synthesize(photo, category, None, np.random.default_rng(seed))
        for defect in made.defects if made else ():
            assert defect.type in names
            assert 0 <= defect.box[0] < defect.box[2] <= 400
            assert 0 <= defect.box[1] < defect.box[3] <= 300


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_same_seed_draws_the_same_and_leaves_its_input_alone(photo: np.ndarray, category: str) -> None:
    before = photo.copy()
    first, second = (synthesize(photo, category, None, np.random.default_rng(7)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.defects == second.defects
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_with_damage_has_harmless_edits_too(photo: np.ndarray, category: str) -> None:
    edited = synthesize_harmless(photo, category, None, np.random.default_rng(1))
    assert category in HARMLESS
    assert (edited != photo).any()
    assert edited.shape == photo.shape


def test_an_unknown_category_lists_the_known(photo: np.ndarray) -> None:
    with pytest.raises(DatasetError, match="apparel"):
        synthesize(photo, "toys", None, np.random.default_rng(0))


@pytest.mark.parametrize("box", [(900.0, 900.0, 1200.0, 1200.0), (5.0, 5.0, 9.0, 9.0)])
def test_a_misplaced_item_box_is_not_followed_out_of_the_photo(
    photo: np.ndarray, box: tuple[float, float, float, float]
) -> None:
    made = synthesize(photo, "packaging", box, np.random.default_rng(3))
    assert made is not None
    assert all(d.box[2] <= 400 and d.box[3] <= 300 for d in made.defects)
