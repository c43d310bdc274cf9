"""Parts of a photo: what crops there are, and how they are shown to a backbone."""

import numpy as np
import pytest

from regrade.models.photos.parts import WHOLE, corners, part_input, working_side
from regrade.models.photos.preprocess import model_input

RGB = np.random.default_rng(0).integers(0, 256, (201, 333, 3), dtype=np.uint8)


def test_the_whole_is_what_is_shown_without_parts() -> None:
    np.testing.assert_array_equal(part_input(RGB, WHOLE, 64), model_input(RGB, 64))


@pytest.mark.parametrize("size", [(201, 333), (16, 500), (7, 7)])
def test_four_parts_of_more_than_half_cover_every_pixel(size: tuple[int, int]) -> None:
    rgb = np.zeros((*size, 3), dtype=np.uint8)
    for y, x in ((0, 0), (0, size[1] - 1), (size[0] - 1, 0), (size[0] - 1, size[1] - 1), (size[0] // 2, size[1] // 2)):
        marked = rgb.copy()
        marked[y, x] = 255
        assert any(part_input(marked, part, 64).any() for part in corners(0.6))


def test_what_is_small_on_the_whole_is_larger_on_a_part() -> None:
    rgb = np.zeros((400, 400, 3), dtype=np.uint8)
    rgb[40:60, 40:60] = 255
    whole, part = part_input(rgb, WHOLE, 320), part_input(rgb, corners(0.6)[0], 320)
    assert (part > 127).sum() > 2.5 * (whole > 127).sum()


def test_photos_are_decoded_large_enough_for_parts_to_fill_the_input() -> None:
    assert 0.95 * 320 <= 0.6 * working_side(320, 0.6) <= 320
