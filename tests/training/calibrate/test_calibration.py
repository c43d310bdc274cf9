"""The maths behind the promises, checked against simulation and against libraries."""

import numpy as np
import pytest
from scipy.stats import binomtest

from regrade.models.calibration import softmax
from regrade.training.calibrate.calibration import (
    conformal_quantile,
    detector_weight,
    fusion_sharpness,
    selective_threshold,
    temperature,
    upper_error,
)


def drawn(n: int, seed: int, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels of a model whose probabilities softmax(logits · sharpness) are exactly right."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 4))
    p = softmax(logits * sharpness)
    labels = np.array([rng.choice(4, p=row) for row in p])
    return logits, labels


def test_temperature_finds_the_one_the_labels_were_drawn_with() -> None:
    logits, labels = drawn(6000, 0, sharpness=1 / 1.7)
    assert temperature(logits, np.eye(4)[labels]) == pytest.approx(1.7, rel=0.08)


def test_prediction_sets_cover_as_often_as_promised() -> None:
    coverage = []
    for seed in range(40):
        logits, labels = drawn(400, seed)
        quantile = conformal_quantile(softmax(logits[:200]), labels[:200], 0.1)
        p = softmax(logits[200:])[np.arange(200), labels[200:]]
        coverage.append((1 - p <= quantile).mean())
    assert np.mean(coverage) >= 0.895


def test_a_handful_of_photos_admits_every_class() -> None:
    assert conformal_quantile(np.full((5, 4), 0.25), np.zeros(5, dtype=int), 0.1) == 1.0


@pytest.mark.parametrize(("errors", "n"), [(0, 45), (3, 100), (20, 20), (7, 1000)])
def test_the_error_bound_is_clopper_pearson(errors: int, n: int) -> None:
    expected = binomtest(errors, n).proportion_ci(0.8, "exact").high  # two-sided 80% has 10% on each side
    assert upper_error(errors, n, 0.1) == pytest.approx(expected)


def test_the_selective_promise_is_kept_in_nine_of_ten_samples() -> None:
    broken = 0
    for seed in range(100):
        logits, labels = drawn(400, seed)
        found = selective_threshold(softmax(logits), labels, alpha=0.1, delta=0.1)
        fresh, truth = drawn(4000, 1000 + seed)
        p = softmax(fresh)
        auto = p.max(axis=1) >= (2.0 if found.threshold is None else found.threshold)
        broken += bool(auto.any() and (p.argmax(axis=1) != truth)[auto].mean() > 0.1)
    assert broken <= 15  # 10 expected, 15 is the 95th percentile


def test_too_few_photos_promise_nothing_and_say_so() -> None:
    logits, labels = drawn(40, 0)
    found = selective_threshold(softmax(logits), labels, alpha=0.05, delta=0.1)
    assert found.threshold is None
    assert "review" in found.note


def test_a_model_that_guesses_promises_nothing() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 500)
    found = selective_threshold(p, rng.integers(0, 4, 500), alpha=0.05, delta=0.1)
    assert found.threshold is None
    assert found.coverage == 0.0


def test_a_perfect_model_grades_everything() -> None:
    labels = np.arange(400) % 4
    found = selective_threshold(np.eye(4)[labels] * 0.9 + 0.025, labels, alpha=0.05, delta=0.1)
    assert found.threshold is not None
    assert found.coverage == 1.0


def test_fusion_sharpness_is_the_best_of_those_tried() -> None:
    logits, labels = drawn(800, 3)
    best, losses = fusion_sharpness(softmax(logits), labels)
    assert losses[best] == min(losses.values())
    assert len(losses) > 3


def test_a_detector_that_knows_is_heard_and_one_that_guesses_is_not() -> None:
    rng = np.random.default_rng(0)
    damaged = rng.random(400) < 0.2
    classifier = rng.normal(0, 1, 400) + damaged
    knows, guesses = rng.normal(-2, 1, 400) + 3 * damaged, rng.normal(-2, 1, 400)
    assert detector_weight(classifier, knows, damaged) > 0.5
    assert detector_weight(classifier, guesses, damaged) < 0.25


def test_a_detector_that_is_wrong_is_never_believed_in_reverse() -> None:
    damaged = np.arange(200) % 4 == 0
    assert detector_weight(np.zeros(200), np.where(damaged, -4.0, 2.0), damaged) == 0.0
