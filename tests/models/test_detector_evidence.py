"""The detector's word: it moves the odds of damage, and nothing else."""

import numpy as np
import pytest

from regrade.models.calibration import DetectorEvidence
from regrade.models.fusion import add_detector

EVIDENCE = DetectorEvidence(weight=0.8, offset=-1.0, types=("tear",))
PHOTOS = np.array([[0.2, 0.4, 0.3, 0.1], [0.05, 0.05, 0.1, 0.8]])


def test_a_sure_find_makes_damage_likelier_and_nothing_found_less_likely() -> None:
    sure, nothing = (add_detector(PHOTOS, np.full(2, s), EVIDENCE)[:, -1] for s in (0.95, 0.0))
    assert (sure > PHOTOS[:, -1]).all()
    assert (nothing < PHOTOS[:, -1]).all()


def test_the_other_conditions_keep_their_proportions() -> None:
    out = add_detector(PHOTOS, np.array([0.9, 0.2]), EVIDENCE)
    np.testing.assert_allclose(out.sum(axis=1), 1.0)
    np.testing.assert_allclose(out[:, 0] / out[:, 1], PHOTOS[:, 0] / PHOTOS[:, 1])


def test_a_score_at_the_offset_changes_nothing() -> None:
    out = add_detector(PHOTOS, np.full(2, 1 / (1 + np.e)), EVIDENCE)
    np.testing.assert_allclose(out, PHOTOS, atol=1e-9)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_scores_at_the_ends_stay_finite(score: float) -> None:
    assert np.isfinite(add_detector(PHOTOS, np.full(2, score), EVIDENCE)).all()
