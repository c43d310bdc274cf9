"""Linear heads: they learn what there is, from soft labels, and never peek over a group's border."""

import numpy as np
import pytest

from regrade.models.calibration import softmax
from regrade.training.fit.heads import Basis, Extra, LinearHead, Sample, class_weights


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
    logits = sample.fit(np.arange(160), 0.05).logits(sample.views[0][160:])
    assert (logits.argmax(axis=1) == sample.labels[160:]).mean() > 0.85


def test_pictures_of_a_held_out_group_stay_out_of_the_fit() -> None:
    """Pictures that say the opposite of the photos change nothing as long as their photos' groups are held out."""
    plain, rows = blobs(), np.arange(200)
    far = plain.groups[200:]
    wrong = Extra(plain.views[0][200:], np.roll(plain.targets[200:], 1, axis=1), far, np.full(40, 50.0))
    with_them = Sample(plain.views, plain.targets, plain.labels, plain.groups, 0.0, wrong)
    agree = with_them.fit(rows, 0.05).logits(plain.views[0][:200]).argmax(axis=1) == plain.labels[:200]
    assert agree.mean() > 0.85


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


def test_a_basis_of_fewer_photos_than_features_loses_nothing() -> None:
    features = np.random.default_rng(0).normal(size=(20, 50)).astype(np.float32)
    basis = Basis.of(features)
    assert basis.components.shape == (50, 19)
    np.testing.assert_allclose(basis.components.T @ basis.components, np.eye(19), atol=1e-5)
    standard = (features - basis.mean) / basis.scale
    np.testing.assert_allclose(basis.project(features) @ basis.components.T, standard, atol=1e-4)


def test_fitting_twice_gives_the_same_head() -> None:
    first, second = (blobs().fit(np.arange(240), 0.1) for _ in range(2))
    np.testing.assert_array_equal(first.weights, second.weights)


def test_full_balance_gives_every_class_the_same_weight() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels, 2, 1.0)
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert weights.mean() == pytest.approx(1)


def test_a_penalty_means_the_same_with_few_photos_and_with_all_of_them_twice() -> None:
    """Twice the photos are twice the evidence: half the penalty against them, as scikit-learn's C has it."""
    once, twice = blobs(), blobs()
    for name in ("targets", "labels", "groups"):
        setattr(twice, name, np.concatenate([getattr(once, name)] * 2))
    twice.views = [np.concatenate([once.views[0]] * 2)]
    head, same = once.fit(np.arange(240), 5.0), twice.fit(np.arange(480), 10.0)
    np.testing.assert_allclose(head.weights, same.weights, atol=1e-3)


def test_pictures_are_no_further_evidence_against_the_penalty() -> None:
    plain, rows = blobs(), np.arange(240)
    copies = Extra(plain.views[0], plain.targets, plain.groups, np.ones(240))
    with_them = Sample(plain.views, plain.targets, plain.labels, plain.groups, 0.0, copies)
    np.testing.assert_allclose(with_them.fit(rows, 5.0).weights, plain.fit(rows, 5.0).weights, atol=1e-3)


def test_a_head_is_the_logistic_regression_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    sample = blobs()
    x = StandardScaler().fit_transform(sample.views[0].astype(np.float64))
    theirs = LogisticRegression(C=1 / 20, tol=1e-8, max_iter=1000).fit(x, sample.labels).predict_proba(x)
    ours = softmax(sample.fit(np.arange(240), 20.0).logits(sample.views[0]))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
