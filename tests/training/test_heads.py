"""Linear heads: they learn what there is, from soft labels, and never peek over a group's border."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from regrade.models.calibration import softmax
from regrade.training.heads import Basis, LinearHead, Sample, choose_penalty, class_weights, out_of_fold


def blobs(n: int = 240, dimension: int = 12, seed: int = 0) -> Sample:
    """Three classes apart along the first two of `dimension` features, four photos a group."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    features = rng.normal(0, 1, (n, dimension)).astype(np.float32)
    features[:, :2] += np.array([[0, 0], [3, 0], [0, 3]])[labels]
    groups = np.array([f"g{i // 4}" for i in range(n)])
    return Sample([features], np.eye(3)[labels], labels, groups, 0.0)


def test_separable_classes_are_learned() -> None:
    sample = blobs()
    logits = out_of_fold(sample, 0.05, folds=5, seed=0)
    assert (logits.argmax(axis=1) == sample.labels).mean() > 0.85


def test_photos_of_one_group_are_never_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 4).astype(str)
    # The features name the group and nothing else: whoever saw the group could read the label off.
    features = np.eye(60, dtype=np.float32)[np.repeat(np.arange(60), 4)]
    labels = rng.integers(0, 2, 60)[np.repeat(np.arange(60), 4)]
    logits = out_of_fold(Sample([features], np.eye(2)[labels], labels, groups, 0.0), 0.05, folds=5, seed=0)
    assert roc_auc_score(labels, logits[:, 1] - logits[:, 0]) < 0.65


def test_soft_labels_are_met_halfway() -> None:
    features = np.zeros((100, 3), dtype=np.float32)
    targets = np.tile([0.7, 0.3], (100, 1))
    sample = Sample([features], targets, np.zeros(100, dtype=int), np.arange(100).astype(str), 0.0)
    p = softmax(sample.fit(np.arange(100), 0.1).logits(features[:1]))
    np.testing.assert_allclose(p, [[0.7, 0.3]], atol=0.01)


def test_a_full_basis_changes_nothing() -> None:
    sample = blobs()
    basis = Basis.of(sample.views[0])
    head = LinearHead(np.random.default_rng(0).normal(size=(3, 12)), np.array([0.1, 0.2, 0.3]))
    projected = basis.project(sample.views[0])
    np.testing.assert_allclose(basis.unfold(head).logits(sample.views[0]), head.logits(projected), atol=1e-4)


def test_fitting_twice_gives_the_same_head() -> None:
    first, second = (blobs().fit(np.arange(240), 0.1) for _ in range(2))
    np.testing.assert_array_equal(first.weights, second.weights)


def test_full_balance_gives_every_class_the_same_weight() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels, 2, 1.0)
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert weights.mean() == pytest.approx(1)


def test_the_best_scoring_penalty_wins() -> None:
    sample = blobs()
    penalty, logits = choose_penalty(sample, lambda z: float((z.argmax(axis=1) == sample.labels).mean()))
    assert penalty > 0
    assert (logits.argmax(axis=1) == sample.labels).mean() > 0.85


def test_a_choice_over_several_ways_to_fold_returns_the_first_ones_logits() -> None:
    sample = blobs()
    penalty, logits = choose_penalty(sample, lambda z: -float(np.abs(z).mean()), repeats=2)
    np.testing.assert_array_equal(logits, out_of_fold(sample, penalty, folds=5, seed=0))
