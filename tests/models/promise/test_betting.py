"""Whoever looks after each item, and stops when it is shown, is wrong no more often than was said."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from regrade.models.promise.betting import above, below, more_below
from regrade.models.promise.risk_control import p_value

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]
STREAMS = 1000
LOOKS = 600
DELTA = 0.05
OFTEN = DELTA + 3 * float(np.sqrt(DELTA * (1 - DELTA) / STREAMS))
"""More often than this it cannot be by chance."""
SHOWN = float(np.log(1 / DELTA))
MOST, MARGIN = 13.0, 0.42


def differing(share: float, mean: float) -> Draw:
    """Differences of losses of two bundles that differ on a `share` of items, in [-13, 13], with this mean."""

    def draw(luck: np.random.Generator, n: int) -> Floats:
        up = 0.5 + mean / (2 * share * MOST)
        signs = np.where(luck.random(n) < up, 1.0, -1.0)
        return MOST * signs * (luck.random(n) < share).astype(np.float64)

    return draw


def shown_by(draw: Draw, margin: float, most: float, seed: int = 0) -> list[int]:
    """After how many looks it was shown, stream by stream; those in which it never was are left out."""
    luck, found = np.random.default_rng(seed), []
    for _ in range(STREAMS):
        path = below(draw(luck, LOOKS) - margin, most - margin)
        if path.max() >= SHOWN:
            found.append(int((path >= SHOWN).argmax()) + 1)
    return found


@pytest.mark.parametrize("share", [0.05, 0.2, 0.9])
def test_a_candidate_worse_by_the_margin_passes_no_more_often_than_was_said(share: float) -> None:
    assert len(shown_by(differing(share, MARGIN), MARGIN, MOST)) <= OFTEN * STREAMS


def test_one_that_does_more_harm_passes_no_more_often_than_was_said() -> None:
    def draw(luck: np.random.Generator, n: int) -> Floats:
        return (luck.random(n) < 0.03).astype(np.float64) - (luck.random(n) < 0.02)

    assert len(shown_by(draw, 0.01, 1.0)) <= OFTEN * STREAMS


def test_one_that_decides_alike_passes_with_a_hundred_and_some_looks() -> None:
    alike = shown_by(lambda _, n: np.zeros(n), MARGIN, MOST)
    assert len(alike) == STREAMS
    assert alike[0] == 117


@pytest.mark.parametrize(
    ("share", "mean", "passed", "looks"),
    [(0.05, -0.3, 0.999, 125), (0.05, 0.0, 0.69, 286), (0.2, -0.3, 0.61, 301), (0.2, -1.0, 1.0, 120)],
)
def test_how_often_one_that_is_no_worse_passes(share: float, mean: float, passed: float, looks: int) -> None:
    """The power: what `docs/decisions/0013-shadow-and-return.md` says of it. Where two bundles differ more, it takes
    more looks to tell that the one is no worse."""
    found = shown_by(differing(share, mean), MARGIN, MOST)
    assert len(found) / STREAMS == pytest.approx(passed, abs=0.01)
    assert np.median(found) == pytest.approx(looks, abs=10)


def test_a_promise_that_is_kept_is_called_broken_no_more_often_than_was_said() -> None:
    luck = np.random.default_rng(3)
    harm = sum(above((luck.random(LOOKS) < 0.01).astype(np.float64), 0.01).max() >= SHOWN for _ in range(STREAMS))
    loss = sum(above(20.0 * (luck.random(LOOKS) < 0.04).astype(np.float64), 0.8).max() >= SHOWN for _ in range(STREAMS))
    assert max(harm, loss) <= OFTEN * STREAMS


def test_a_promise_broken_four_times_over_is_noticed() -> None:
    luck = np.random.default_rng(3)
    found = [above((luck.random(LOOKS) < 0.04).astype(np.float64), 0.01) for _ in range(STREAMS)]
    caught = [int((path >= SHOWN).argmax()) for path in found if path.max() >= SHOWN]
    assert len(caught) > 0.95 * STREAMS
    assert np.median(caught) < 200


def test_a_thinned_sample_speaks_for_what_it_was_drawn_from() -> None:
    """Items of one seller are drawn ten times as often, and all of them are wrong: that is no more than a share."""
    luck, false = np.random.default_rng(4), 0
    for _ in range(STREAMS):
        often = luck.random(LOOKS) < 10 * 0.02 / (10 * 0.02 + 0.98)
        false += above(often.astype(np.float64), 0.02, np.where(often, 0.1, 1.0)).max() >= SHOWN
    assert false <= OFTEN * STREAMS


@given(st.lists(st.floats(-5, 1), min_size=1, max_size=40))
def test_the_last_of_a_path_is_what_the_test_at_the_end_says(excess: list[float]) -> None:
    values = np.array(excess)
    assert (
        np.exp(-below(values, 1.0)[-1]) == pytest.approx(p_value(values, 1.0), rel=1e-6) or below(values, 1.0)[-1] < 0
    )


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_what_more_looks_would_show_is_what_they_show(excess: list[float]) -> None:
    values = np.array(excess)
    more = more_below(values, 1.0, DELTA)
    if more is None:
        assert below(np.tile(values, 200), 1.0)[-1] < SHOWN
    elif more:
        assert below(values, 1.0).max() < SHOWN
        repeated = np.tile(values, 2 + more // len(values))
        assert below(repeated, 1.0).max() >= SHOWN - 1e-9


def test_nothing_is_told_without_a_look_and_nonsense_is_refused() -> None:
    assert more_below(np.zeros(0), 1.0, DELTA) is None
    assert below(np.zeros(0), 1.0).shape == (0,)
    with pytest.raises(ValueError, match="above 0"):
        below(np.zeros(3), 0.0)
    with pytest.raises(ValueError, match="above 0"):
        above(np.zeros(3), 0.0)
    with pytest.raises(ValueError, match="0 or more"):
        above(np.array([-1.0]), 1.0)
