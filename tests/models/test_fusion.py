"""Fusion: the worst visible state wins, but one noisy photo must not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrade.models.fusion import fuse, fuse_parts, mean_probabilities

CLEAN = [0.02, 0.93, 0.04, 0.01]
CRACKED = [0.00, 0.01, 0.01, 0.98]
DOUBTFUL = [0.02, 0.20, 0.18, 0.60]


def item(*photos: list[float], sharpness: float = 1.0) -> np.ndarray:
    return fuse(np.array(photos), sharpness)


def test_a_single_photo_passes_through() -> None:
    np.testing.assert_allclose(item(DOUBTFUL), DOUBTFUL, atol=1e-12)


def test_one_clear_crack_among_clean_views_makes_the_item_damaged() -> None:
    assert item(CLEAN, CLEAN, CLEAN, CRACKED)[3] > 0.85


def test_one_doubtful_photo_among_clean_views_does_not() -> None:
    fused = item(CLEAN, CLEAN, CLEAN, DOUBTFUL)
    assert fused.argmax() == 1
    assert fused[3] < 0.35


def test_two_doubtful_photos_weigh_more_than_one() -> None:
    assert item(CLEAN, CLEAN, DOUBTFUL, DOUBTFUL)[3] > item(CLEAN, CLEAN, CLEAN, DOUBTFUL)[3]


def test_the_order_of_photos_does_not_matter() -> None:
    np.testing.assert_allclose(item(CLEAN, DOUBTFUL, CRACKED), item(CRACKED, CLEAN, DOUBTFUL))


def test_the_same_photo_again_says_nothing_new() -> None:
    np.testing.assert_allclose(item(DOUBTFUL, DOUBTFUL, DOUBTFUL), DOUBTFUL, atol=1e-9)


def test_a_higher_sharpness_listens_more_to_the_worst_photo() -> None:
    damaged = [item(CLEAN, CLEAN, DOUBTFUL, sharpness=r)[3] for r in (0.25, 1.0, 4.0)]
    assert damaged == sorted(damaged)


def test_one_wildly_overconfident_photo_is_capped() -> None:
    sure = [0.0, 0.0, 0.0, 1.0]
    assert item(*[CLEAN] * 11, sure)[3] < 0.99


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_the_posterior_is_a_distribution_and_monotone_in_each_photo(seed: int) -> None:
    rng = np.random.default_rng(seed)
    photos = rng.dirichlet(np.full(4, 0.5), size=int(rng.integers(2, 12)))
    fused = fuse(photos, float(rng.uniform(0.2, 5)))
    assert fused.min() >= 0
    assert fused.sum() == pytest.approx(1)
    worse = photos.copy()
    worse[0] = [0, 0, 0, 1]
    assert fuse(worse, 1.0)[3] >= fuse(photos, 1.0)[3] - 1e-9


def test_no_photos_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one photo"):
        fuse(np.zeros((0, 4)), 1.0)


def test_mean_probabilities_let_no_photo_outrank_another() -> None:
    mean = mean_probabilities(np.array([[0.9, 0.1], [0.1, 0.9]]))
    np.testing.assert_allclose(mean, [0.5, 0.5])


WHOLE = np.array([0.3, 0.3, 0.3, 0.1])


def _parts(*damaged: float) -> np.ndarray:
    return np.array([[(1 - d) / 3] * 3 + [d] for d in damaged])


def test_parts_that_all_show_damage_make_it_likelier_and_leave_the_rest_in_proportion() -> None:
    out = fuse_parts(WHOLE, _parts(0.8, 0.7, 0.9, 0.8), 0.25)
    assert out[-1] > 0.5
    np.testing.assert_allclose(out[:-1], (1 - out[-1]) / 3)


def test_one_noisy_part_does_not_condemn_a_photo() -> None:
    assert fuse_parts(WHOLE, _parts(0.9, 0.05, 0.05, 0.05), 0.25)[-1] < 0.3


def test_parts_like_the_whole_change_nothing() -> None:
    np.testing.assert_allclose(fuse_parts(WHOLE, _parts(0.1, 0.1, 0.1, 0.1), 0.25), WHOLE)
