"""Constants of parts: fitted so that undamaged photos stay as they are, and applied as serving applies them."""

import numpy as np
import pytest

from regrade.models.calibration import PartsEvidence
from regrade.training.calibrate.parts import fused, with_offset

PARTS = PartsEvidence(share=0.6, low=0.1, high=0.9, sharpness=1.0)
RNG = np.random.default_rng(0)


def seen(damaged: np.ndarray) -> np.ndarray:
    """Pictures (n, 5, 2) whose probability of damage, whole and by part, is `damaged` (n, 5)."""
    return np.stack([1 - damaged, damaged], axis=2)


STRANGE = seen(np.column_stack([RNG.uniform(0.1, 0.3, 200), RNG.uniform(0.3, 0.6, (200, 4))]))
"""Undamaged photos whose parts look more like damage than the whole does."""


def test_the_offset_leaves_undamaged_photos_where_they_were() -> None:
    fitted = with_offset(PARTS, STRANGE, np.ones(200, dtype=bool))
    assert fitted.offset > 0.5
    before, plain, after = (p[:, -1] for p in (STRANGE[:, 0], fused(PARTS, STRANGE), fused(fitted, STRANGE)))
    assert np.median(plain) > np.median(before) + 0.1
    assert np.median(after) == pytest.approx(np.median(before), abs=0.03)


def test_damage_that_a_part_shows_is_still_found() -> None:
    fitted = with_offset(PARTS, STRANGE, np.ones(200, dtype=bool))
    crack = seen(np.array([[0.2, 0.3, 0.99, 0.4, 0.3]]))
    assert fused(fitted, crack)[0, -1] > 0.6


def test_what_the_whole_is_sure_of_stays_to_the_digit() -> None:
    sure = seen(np.array([[0.02, 0.9, 0.9, 0.9, 0.9], [0.97, 0.1, 0.1, 0.1, 0.1]]))
    np.testing.assert_array_equal(fused(PARTS, sure), sure[:, 0])


def test_without_undamaged_photos_there_is_no_offset() -> None:
    with pytest.raises(ValueError, match="no undamaged photo"):
        with_offset(PARTS, STRANGE, np.zeros(200, dtype=bool))
