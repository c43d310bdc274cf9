"""How a site's items are shared out over the conditions is found without a label, by what the model says of them."""

import numpy as np
from numpy.typing import NDArray

from regrade.models.promise.prior_shift import HEAVIEST, estimated_shares, interval_of_shares, unseen, weights_of

Floats = NDArray[np.float64]
PRIOR = np.array([0.6, 0.3, 0.1])


def posteriors(shares: Floats, n: int, seed: int) -> Floats:
    """Of items shared out as `shares`, by a model that is calibrated on items shared out as PRIOR."""
    luck = np.random.default_rng(seed)
    truth = luck.choice(3, n, p=shares)
    seen = luck.standard_normal((n, 3)) + 2.0 * np.eye(3)[truth]
    # By Bayes: each class is a normal around its own corner.
    log = np.log(PRIOR) + 2.0 * seen
    p = np.exp(log - log.max(axis=1, keepdims=True))
    shares_of: Floats = p / p.sum(axis=1, keepdims=True)
    return shares_of


def test_other_shares_are_found() -> None:
    shares = np.array([0.3, 0.4, 0.3])
    found = estimated_shares(posteriors(shares, 3000, 0), PRIOR)
    assert np.abs(found - shares).max() < 0.03
    assert abs(posteriors(shares, 3000, 0).mean(axis=0) - shares).max() > 0.03, "counting alone is not enough"


def test_the_interval_holds_them() -> None:
    shares = np.array([0.3, 0.4, 0.3])
    low, high = interval_of_shares(posteriors(shares, 600, 1), PRIOR)
    assert ((low - 0.02 <= shares) & (shares <= high + 0.02)).all()
    assert (high - low).max() < 0.15


def test_few_items_say_little_and_none_say_nothing() -> None:
    one = estimated_shares(np.array([[0.0, 0.0, 1.0]]), PRIOR)
    assert np.abs(one - PRIOR).max() < 0.06
    assert estimated_shares(np.zeros((0, 3)), PRIOR).tolist() == PRIOR.tolist()
    low, high = interval_of_shares(np.zeros((0, 3)), PRIOR)
    assert (low.tolist(), high.tolist()) == ([0, 0, 0], [1, 1, 1])


def test_a_look_counts_by_how_much_oftener_a_site_has_its_like() -> None:
    votes = np.array([[1.0, 0, 0], [0, 0, 1], [0.5, 0, 0.5]])
    weights = weights_of(votes, PRIOR, np.array([0.3, 0.4, 0.3]))
    assert np.allclose(weights, [0.5, 3.0, 1.75])
    assert weights_of(votes, np.array([0.5, 0.499, 0.001]), np.array([0.0, 0.0, 1.0])).max() == HEAVIEST


def test_a_condition_that_was_hardly_looked_at_is_said() -> None:
    assert unseen(np.array([0.7, 0.299, 0.001]), np.array([0.5, 0.2, 0.3]), looks=500) == [2]
    assert unseen(np.array([0.7, 0.299, 0.001]), np.array([0.79, 0.2, 0.01]), looks=500) == []
