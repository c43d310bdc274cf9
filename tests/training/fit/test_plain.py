"""The plain baseline: nothing is chosen by it, and no photo is told by a regression that has seen its fold."""

import numpy as np

from regrade.training.fit.plain import cross_fitted, fit_plain, plain_probabilities

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 3, 180)
FEATURES = (RNG.normal(0, 1, (180, 40)) + 3 * np.eye(40)[TRUTH]).astype(np.float32)


def test_it_tells_what_features_tell_apart() -> None:
    p = plain_probabilities(fit_plain(FEATURES[:120], TRUTH[:120]), FEATURES[120:], 3)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert (p.argmax(axis=1) == TRUTH[120:]).mean() > 0.85


def test_a_condition_that_it_was_never_shown_gets_nothing() -> None:
    p = plain_probabilities(fit_plain(FEATURES, TRUTH), FEATURES[:5], 4)
    assert (p[:, 3] == 0).all()


def test_held_out_photos_are_told_by_others_alone() -> None:
    """Features that name the photo and nothing else: remembered perfectly, of no use for a stranger."""
    names = np.eye(180, dtype=np.float32) * 50
    fold = np.arange(180) % 3
    remembered = plain_probabilities(fit_plain(names, TRUTH), names, 3).argmax(axis=1) == TRUTH
    held_out = cross_fitted([names] * 3, TRUTH, fold, 3).argmax(axis=1) == TRUTH
    assert remembered.mean() > 0.95
    assert held_out.mean() < 0.6
