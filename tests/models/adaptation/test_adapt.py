"""What decisions do to a head, on a simulated site: its photos show conditions otherwise than those trained on did."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from regrade.models.adaptation.adapt import Adapted, TooFewError, adapt
from regrade.models.adaptation.choice import Prior, choose
from regrade.models.adaptation.head_file import Linear
from regrade.models.adaptation.judgement import judge, macro_f1
from regrade.models.adaptation.promises import promised, threshold
from regrade.models.adaptation.reviewers import random_rates, start
from regrade.models.adaptation.votes import Photos, Votes
from regrade.models.calibration import Calibration, Selective, softmax
from regrade.models.estimates import tables

K, D, LATER = 4, 120, 600
SITES = range(8)


@dataclass
class Site:
    """Decided photos and later ones, with their true conditions, and a head that was trained elsewhere."""

    photos: Photos
    votes: Votes
    prior: Prior
    later: NDArray[np.float32]
    truth: NDArray[np.intp]

    def score(self, head: Linear) -> float:
        table = tables(self.truth, head.logits(self.later).argmax(axis=1), K, np.ones((1, LATER)))
        return float(macro_f1(table)[0])


def site(n: int, seed: int, careless: float = 0.0) -> Site:
    luck = np.random.default_rng(seed)
    centres = luck.standard_normal((K, D)) * 0.25
    head = Linear(centres + luck.standard_normal((K, D)) * 0.1, np.zeros(K))
    truth = luck.integers(0, K, n + LATER)
    # The site's light makes every photo look a little like the first condition, as the shipped head sees it.
    towards = head.weights[0] - head.weights.mean(axis=0)
    x = luck.standard_normal((n + LATER, D)) + centres[truth] + 3.0 * towards / np.linalg.norm(towards)
    said = truth[:n].copy()
    random = luck.random(n) < careless
    said[random] = luck.integers(0, K, int(random.sum()))
    seen = x.astype(np.float32)
    photos = Photos(seen[:n], np.array([f"{i:04}" for i in range(n)]), np.arange(n, dtype=float), np.ones(n))
    votes = Votes(np.arange(n), luck.integers(0, 4, n), said, np.ones(n, dtype=bool), n, 4, K)
    return Site(photos, votes, Prior(head, 1.0), seen[n:], truth[n:])


def gains(n: int, careless: float) -> NDArray[np.float64]:
    """By how much macro-F1 rises on later photos, at each of several sites."""
    sites = [site(n, seed, careless) for seed in SITES]
    return np.array(
        [one.score(choose(one.photos, one.votes, one.prior).head) - one.score(one.prior.head) for one in sites]
    )


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    wide = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values))
    return float(values.mean()) - wide, float(values.mean()) + wide


def test_fifty_decisions_help() -> None:
    low, _ = interval(gains(50, careless=0.0))
    assert low > 0.0


def test_fifty_decisions_help_more_than_to_begin_from_scratch() -> None:
    sites = [site(50, seed) for seed in SITES]
    nothing = Prior(Linear(np.zeros((K, D)), np.zeros(K)), 1.0)
    better = [
        one.score(choose(one.photos, one.votes, one.prior).head)
        - one.score(choose(one.photos, one.votes, nothing).head)
        for one in sites
    ]
    assert interval(np.array(better))[0] > 0.0


@pytest.mark.parametrize("n", [50, 200])
def test_random_decisions_do_no_harm(n: int) -> None:
    found = gains(n, careless=1.0)
    assert found.mean() > -0.01
    assert found.min() > -0.06


def test_more_decisions_help_although_three_in_ten_are_random() -> None:
    low, _ = interval(gains(200, careless=0.3))
    assert low > 0.0


def test_a_careless_reviewer_is_found_out() -> None:
    one = site(200, 3)
    careless = one.votes.reviewer == 0
    said = np.where(careless, np.random.default_rng(0).integers(0, K, 200), one.votes.condition)
    votes = replace(one.votes, condition=said)
    truth = softmax(6.0 * np.eye(K)[one.votes.condition])
    rates = random_rates(votes, truth, start(votes))
    assert rates[0] > 0.6
    assert rates[1:].max() < 0.2


def calibration() -> Calibration:
    return Calibration(1.0, 1.0, 0.1, 0.9, Selective(0.05, 0.1, 0.8, 100, 0.5, "as trained"))


def adapted(one: Site, votes: Votes) -> Adapted:
    return adapt(one.photos, votes, one.prior, calibration(), one.prior, [f"condition {k}" for k in range(K)])


def test_the_newest_decisions_judge_and_are_not_fitted_to() -> None:
    one = site(100, 1)
    made = adapted(one, one.votes)
    assert (made.fitted_groups, made.judged_groups, made.fitted_until) == (80, 20, 79.0)
    newest = one.votes.photo >= 80
    other = replace(one.votes, condition=np.where(newest, (one.votes.condition + 1) % K, one.votes.condition))
    np.testing.assert_array_equal(adapted(one, other).head.weights, made.head.weights)


def test_anchored_decisions_promise_nothing() -> None:
    one = site(200, 1)
    anchored = replace(one.votes, blind=np.zeros(200, dtype=bool))
    made = adapted(one, anchored)
    assert made.calibration.selective.threshold is None
    assert (made.calibration.selective.n, made.blind_groups, made.judged_by) == (0, 0, "all")


def test_what_is_promised_is_the_same_whatever_anchored_decisions_say() -> None:
    one = site(200, 1)
    half = replace(one.votes, blind=np.arange(200) % 2 == 0)
    p = softmax(one.prior.base(one.photos))
    lying = replace(half, condition=np.where(half.blind, half.condition, p.argmax(axis=1)))
    assert promised(calibration(), p, one.photos, half) == promised(calibration(), p, one.photos, lying)
    assert promised(calibration(), p, one.photos, half).selective.n == 100


def test_a_threshold_that_was_proven_for_another_head_does_not_stay() -> None:
    found = threshold(np.full((20, 2), 0.5), np.zeros(20, dtype=np.intp), alpha=0.05, delta=0.1)
    assert found.threshold is None
    assert "only 20 blind looks" in found.note


def test_a_threshold_is_proven_by_enough_blind_looks() -> None:
    sure = np.tile([0.99, 0.01], (200, 1))
    assert threshold(sure, np.zeros(200, dtype=np.intp), alpha=0.05, delta=0.1).threshold == 0.99
    assert threshold(sure, np.arange(200) % 2, alpha=0.05, delta=0.1).threshold is None


def test_money_is_lost_where_the_best_action_by_the_probabilities_is_not_that_of_the_condition() -> None:
    money = np.array([[10.0, 4.0], [0.0, 4.0]])
    shares, groups = np.eye(2), np.array(["a", "b"])
    found = judge(np.eye(2), np.eye(2)[[0, 0]], shares, groups, money)
    assert (found.new["money"].value, found.old["money"].value, found.difference["money"].value) == (0.0, 2.0, -2.0)


def test_too_few_decisions_say_how_many_it_takes() -> None:
    one = site(29, 0)
    with pytest.raises(TooFewError, match="29 of 30 decided items"):
        adapted(one, one.votes)


def test_few_decisions_do_not_tell_whether_the_backbone_is_the_limit() -> None:
    one = site(100, 1)
    assert adapted(one, one.votes).learning.limit.startswith("it cannot be told yet")
