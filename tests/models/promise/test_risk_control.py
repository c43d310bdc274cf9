"""What is proven is true as often as was said, and little losses are proven with few looks."""

from collections.abc import Callable

import numpy as np
import pytest
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value
from numpy.typing import NDArray

from regrade.models.promise.risk_control import Risk, by_group, opened, p_value, upper_bound

Floats = NDArray[np.float64]
DRAWS = 1000
DELTA = 0.10
OFTEN = DELTA + 3 * float(np.sqrt(DELTA * (1 - DELTA) / DRAWS))
"""More often than this it cannot be by chance."""


@pytest.mark.parametrize(
    ("draw", "mean", "most"),
    [
        (lambda luck, n: (luck.random(n) < 0.01).astype(float), 0.01, 1.0),
        (lambda luck, n: 20.0 * (luck.random(n) < 0.04), 0.8, 20.0),
        (lambda luck, n: 30.0 * luck.beta(0.1, 3.9, n), 0.75, 30.0),
        (lambda luck, n: luck.random(n), 0.5, 1.0),
    ],
    ids=["one in a hundred", "seldom and dear", "mostly next to nothing", "anything"],
)
@pytest.mark.parametrize("n", [50, 400])
def test_a_mean_at_its_limit_is_called_below_it_no_more_often_than_was_said(
    draw: Callable[[np.random.Generator, int], Floats], mean: float, most: float, n: int
) -> None:
    luck = np.random.default_rng(n)
    false = np.mean([p_value(draw(luck, n) - mean, most - mean) <= DELTA for _ in range(DRAWS)])
    assert false <= OFTEN


def population(luck: np.random.Generator, n: int) -> tuple[Floats, Floats, Floats]:
    """Scores, losses and harm of items: the higher the score, the likelier either."""
    score = luck.random(n)
    loss = 10.0 * (luck.random(n) < 0.25 * score**2).astype(np.float64)
    harm = (luck.random(n) < 0.12 * score).astype(np.float64)
    return score, loss, harm


def true_means(t: float) -> tuple[float, float]:
    """Mean loss and harm of items with scores up to `t`: of 2.5 s² and of 0.12 s, s from 0 to t."""
    return 2.5 * t**2 / 3, 0.12 * t / 2


def test_a_threshold_breaks_either_limit_no_more_often_than_was_said() -> None:
    luck = np.random.default_rng(7)
    broken, found = 0, 0
    for _ in range(DRAWS):
        score, loss, harm = population(luck, 800)
        t = opened(
            score,
            np.ones(800, dtype=bool),
            [Risk(loss, 10.0, 0.6), Risk(harm, 1.0, 0.05)],
            np.ones(800),
            np.arange(800),
            DELTA,
        )
        if t is not None:
            found += 1
            loss_there, harm_there = true_means(t)
            broken += loss_there > 0.6 or harm_there > 0.05
    assert broken / DRAWS <= OFTEN
    assert found > 0.3 * DRAWS


def test_looks_that_count_for_more_are_right_as_often() -> None:
    """Items of a site are damaged twice as often as those that were looked at; damage is what is dear."""
    luck = np.random.default_rng(3)
    broken = 0
    for _ in range(DRAWS):
        damaged = luck.random(400) < 0.05
        # Of a site with 10% damaged, where a damaged item loses 8 in one of two cases: 0.4 on average, the limit.
        loss = 8.0 * (damaged & (luck.random(400) < 0.5)).astype(np.float64)
        weights = np.where(damaged, 2.0, 0.9 / 0.95)
        risk = Risk(loss, 8.0, 0.4)
        broken += risk.p_value(np.ones(400, dtype=bool), weights, np.arange(400)) <= DELTA
    assert broken / DRAWS <= OFTEN


def test_looks_of_one_item_bear_witness_once() -> None:
    loss = np.zeros(400)
    risk = Risk(loss, 1.0, 0.01)
    everything, weights = np.ones(400, dtype=bool), np.ones(400)
    apart = risk.p_value(everything, weights, np.arange(400))
    together = risk.p_value(everything, weights, np.arange(400) // 10)
    assert apart < DELTA < together
    assert by_group(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1])).tolist() == [2.0, 5.0]


@pytest.mark.parametrize(("limit", "most", "needed"), [(0.01, 1.0, 303), (0.85, 30.0, 106)])
def test_no_loss_is_proven_with_a_known_number_of_looks(limit: float, most: float, needed: int) -> None:
    zeros = np.full(needed, -limit)
    assert p_value(zeros, most - limit) <= DELTA < p_value(zeros[1:], most - limit)


def test_money_is_proven_with_fewer_looks_than_by_hoeffding_and_bentkus() -> None:
    """MAPIE's p-value, of Bates et al. (2021), is for losses from 0 to 1."""
    luck = np.random.default_rng(1)
    most, limit = 30.0, 0.85
    ours, theirs = [], []
    for _ in range(100):
        loss = most * luck.beta(0.05, 4.95, 300)
        ours.append(p_value(loss - limit, most - limit))
        theirs.append(
            float(
                compute_hoeffding_bentkus_p_value(np.array([loss.mean() / most]), 300, np.array([limit / most])).min()
            )
        )
    assert np.median(ours) < 0.5 * np.median(theirs)


def test_a_bound_holds_and_is_reached_by_the_test() -> None:
    luck = np.random.default_rng(5)
    loss = 20.0 * (luck.random(500) < 0.02).astype(np.float64)
    bound = upper_bound(loss, np.ones(500), 20.0, DELTA)
    assert loss.mean() < bound < 1.5
    assert p_value(loss - bound, 20.0 - bound) == pytest.approx(DELTA, rel=0.01)
    assert upper_bound(loss, np.zeros(500), 20.0, DELTA) == 20.0


def test_too_few_looks_prove_nothing() -> None:
    few = 40
    nothing = opened(
        np.linspace(0, 1, few),
        np.ones(few, dtype=bool),
        [Risk(np.zeros(few), 1.0, 0.01)],
        np.ones(few),
        np.arange(few),
        DELTA,
    )
    assert nothing is None
    assert p_value(np.zeros(0), 1.0) == 1.0
    assert p_value(np.array([0.5, 0.2]), 1.0) == 1.0


def test_what_cannot_be_lost_needs_no_proof() -> None:
    everything = np.ones(3, dtype=bool)
    t = opened(np.arange(3.0), everything, [Risk(np.zeros(3), 0.5, 0.85)], np.ones(3), np.arange(3), DELTA)
    assert t == 2.0


def test_more_looks_like_these_prove_what_as_many_do() -> None:
    luck = np.random.default_rng(2)
    loss = 20.0 * (luck.random(200) < 0.02).astype(np.float64)
    excess = loss - 0.85
    assert p_value(excess, 19.15, times=3.0) == pytest.approx(p_value(np.tile(excess, 3), 19.15))
    assert p_value(excess, 19.15, times=2.5) > p_value(excess, 19.15, times=3.0)
