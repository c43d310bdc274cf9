"""The item's mask: on the item, believed only where it can be, and the same each time."""

import numpy as np
import pytest

from regrade.datasets.synth.segment import item_mask
from regrade.models.category.schema import ItemOutline

CLOTH = ItemOutline(least_share=0.06)
DEVICE = ItemOutline(rigid=True, display=True)
SHOE = ItemOutline(centred=True, least_share=0.04)
CARTON = ItemOutline(rigid=True, cardboard=True)
OUTLINES = {"apparel": CLOTH, "electronics": DEVICE, "footwear": SHOE, "packaging": CARTON}


def bench_photo(height: int = 300, width: int = 400) -> np.ndarray:
    """A brown carton in the middle of a grey bench, with noise."""
    rng = np.random.default_rng(0)
    pixels = np.full((height, width, 3), (176.0, 178, 180))
    pixels[height // 5 : height * 4 // 5, width // 5 : width * 4 // 5] = (165, 125, 80)
    return np.clip(pixels + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)


def overlap(mask: np.ndarray, height: int, width: int) -> float:
    truth = np.zeros((height, width), dtype=bool)
    truth[height // 5 : height * 4 // 5, width // 5 : width * 4 // 5] = True
    cut = mask > 0.5
    return float((cut & truth).sum() / (cut | truth).sum())


@pytest.mark.parametrize("category", ["packaging", "electronics", "apparel", "footwear"])
@pytest.mark.parametrize("box", [None, (70.0, 50.0, 330.0, 250.0)])
def test_an_item_on_a_bench_is_found_with_and_without_a_box(
    category: str, box: tuple[float, float, float, float] | None
) -> None:
    mask = item_mask(bench_photo(), box, OUTLINES[category])
    assert mask.dtype == np.float32
    assert mask.shape == (300, 400)
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert overlap(mask, 300, 400) > 0.93


@pytest.mark.parametrize(("height", "width"), [(24, 32), (960, 1280), (200, 37)])
def test_photos_of_any_size_are_cut(height: int, width: int) -> None:
    assert overlap(item_mask(bench_photo(height, width), None, CARTON), height, width) > 0.8


def test_a_shaded_close_up_is_all_item() -> None:
    light = np.linspace(0.7, 1.15, 320)[None, :, None]
    board = np.full((240, 320, 3), (180.0, 140, 95)) * light
    board += np.random.default_rng(1).normal(0, 4, board.shape)
    mask = item_mask(np.clip(board, 0, 255).astype(np.uint8), None, CARTON)
    assert (mask > 0.5).mean() > 0.99


def test_a_cut_that_leaves_nothing_of_the_box_falls_back_to_it() -> None:
    flat = np.full((200, 200, 3), 128, np.uint8)
    mask = item_mask(flat, (40.0, 60.0, 120.0, 150.0), DEVICE) > 0.5
    assert mask[70:140, 50:110].all()
    assert not mask[:50].any()
    assert not mask[:, 130:].any()


@pytest.mark.parametrize("box", [(900.0, 900.0, 1200.0, 1200.0), (5.0, 5.0, 6.0, 6.0), (-9.0, -9.0, 2.0, 2.0)])
def test_a_misplaced_box_is_as_good_as_none(box: tuple[float, float, float, float]) -> None:
    photo = bench_photo()
    np.testing.assert_array_equal(
        item_mask(photo, box, CARTON),
        item_mask(photo, None, CARTON),
    )


def test_the_same_photo_is_cut_the_same_and_left_alone() -> None:
    photo = bench_photo()
    before = photo.copy()
    first, second = (item_mask(photo, None, SHOE) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(photo, before)
