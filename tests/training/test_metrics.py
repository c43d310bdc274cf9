"""Scores and their intervals."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from regrade.training.metrics import accuracy, calibration_error, damage_auroc, estimate, macro_f1

SURE_AND_RIGHT = np.eye(4)[[0, 1, 2, 3]]
LABELS = np.array([0, 1, 2, 3])


def test_a_perfect_model_scores_one_and_has_no_calibration_error() -> None:
    assert accuracy(SURE_AND_RIGHT, LABELS) == macro_f1(SURE_AND_RIGHT, LABELS) == 1.0
    assert calibration_error(SURE_AND_RIGHT, LABELS) == 0.0


def test_macro_f1_counts_a_rare_class_as_much_as_a_common_one() -> None:
    labels = np.array([0] * 99 + [3])
    always_first = np.eye(4)[np.zeros(100, dtype=int)]
    assert accuracy(always_first, labels) == 0.99
    assert macro_f1(always_first, labels) < 0.51


@pytest.mark.parametrize("seed", range(10))
def test_the_fast_scores_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, labels = rng.dirichlet(np.ones(4), 60).round(2), rng.integers(0, 4, 60)
    assert macro_f1(p, labels) == pytest.approx(f1_score(labels, p.argmax(axis=1), average="macro"))
    assert damage_auroc(p, labels) == pytest.approx(roc_auc_score(labels == 3, p[:, 3]))


def test_damage_auroc_is_undefined_without_damage() -> None:
    assert np.isnan(damage_auroc(SURE_AND_RIGHT[:3], LABELS[:3]))


def test_an_overconfident_model_has_a_calibration_error() -> None:
    p = np.tile([0.97, 0.01, 0.01, 0.01], (100, 1))
    labels = np.random.default_rng(0).permutation([0] * 70 + [1] * 30)
    assert calibration_error(p, labels, bins=2) == pytest.approx(0.27)


def test_photos_of_one_group_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(50) < 0.7
    p = np.eye(4)[np.where(np.repeat(right, 8), 0, 1)]
    labels = np.zeros(400, dtype=int)
    lonely = estimate(accuracy, p, labels, np.arange(400).astype(str))
    grouped = estimate(accuracy, p, labels, np.repeat(np.arange(50), 8).astype(str))
    assert grouped.high - grouped.low > 2 * (lonely.high - lonely.low)


def test_an_undefined_score_is_null_in_json_and_a_dash_in_print() -> None:
    undefined = estimate(damage_auroc, SURE_AND_RIGHT[:3], LABELS[:3], np.array(["a", "b", "c"]))
    assert undefined.to_json()["value"] is None
    assert str(undefined) == "–"
