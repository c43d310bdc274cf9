"""Scores and their intervals."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score, roc_curve

from regrade.models.estimates import Resamples
from regrade.training.metrics.classification import (
    SCORERS,
    accuracy,
    brier,
    calibration_error,
    calibration_noise,
    damage_auroc,
    damage_recall,
    difference,
    estimate,
    macro_f1,
    risk_at,
)

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


@pytest.mark.parametrize("seed", range(3))
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


@pytest.mark.parametrize("name", SCORERS)
def test_a_photo_of_weight_two_counts_as_two_photos(name: str) -> None:
    rng = np.random.default_rng(1)
    p, labels = rng.dirichlet(np.ones(4), 57).round(1), rng.integers(0, 4, 57)
    weights = rng.integers(0, 4, (20, 57)).astype(np.float64)
    by_weight = SCORERS[name].weighted(p, labels, weights)
    for found, counts in zip(by_weight, weights.astype(int), strict=True):
        rows = np.repeat(np.argsort(p.max(axis=1), kind="stable"), counts[np.argsort(p.max(axis=1), kind="stable")])
        assert found == pytest.approx(SCORERS[name](p[rows], labels[rows]))


@pytest.mark.parametrize("false_alarms", [0.01, 0.05, 0.2])
def test_recall_at_few_false_alarms_is_a_point_of_scikit_learns_curve(false_alarms: float) -> None:
    rng = np.random.default_rng(2)
    p, labels = rng.dirichlet(np.ones(4), 300).round(2), rng.integers(0, 4, 300)
    alarms, recall, _ = roc_curve(labels == 3, p[:, 3], drop_intermediate=False)
    assert damage_recall(false_alarms)(p, labels) == pytest.approx(recall[alarms <= false_alarms].max())


def test_recall_is_nothing_where_the_surest_photo_is_a_false_alarm() -> None:
    p = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.9, 0.1]])
    assert damage_recall(0.05)(p, np.array([0, 1, 1, 0])) == 0.0


def test_the_brier_score_runs_from_zero_to_two() -> None:
    assert brier(SURE_AND_RIGHT, LABELS) == 0.0
    assert brier(SURE_AND_RIGHT, LABELS[::-1].copy()) == 2.0


def test_a_difference_of_a_model_to_itself_is_nil_without_doubt() -> None:
    rng = np.random.default_rng(3)
    p, labels = rng.dirichlet(np.ones(4), 80), rng.integers(0, 4, 80)
    drawn = Resamples.of(np.arange(80).astype(str), resamples=200)
    same = difference(macro_f1, p, p, labels, drawn)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 200)
    theirs = np.eye(2)[np.where(rng.random(200) < 0.7, labels, 1 - labels)]
    ours = theirs.copy()
    ours[:6] = np.eye(2)[labels[:6]]
    drawn = Resamples.of(np.arange(200).astype(str), resamples=500)
    paired = difference(accuracy, ours, theirs, labels, drawn)
    alone = estimate(accuracy, ours, labels, np.arange(200).astype(str), resamples=500)
    assert paired.high - paired.low < 0.4 * (alone.high - alone.low)


def test_confidences_that_are_true_show_no_more_than_the_noise() -> None:
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.ones(3) / 2, 150)
    noise = calibration_noise(p)
    errors = [calibration_error(p, np.array([rng.choice(3, p=row) for row in p])) for _ in range(40)]
    assert 0.02 < noise < 0.09
    assert np.mean(errors) == pytest.approx(noise, abs=0.01)


def test_risk_falls_as_fewer_photos_are_kept_and_ends_at_the_error_of_all() -> None:
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    labels = np.array([0, 0, 1, 1])
    risk = risk_at(np.array([0.5, 0.75, 1.0]), p, labels, np.ones((1, 4)))
    assert risk[0] == pytest.approx([0.0, 1 / 3, 0.5])
