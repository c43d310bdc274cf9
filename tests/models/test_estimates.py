"""Bootstrap over groups: weights, intervals, and what is not defined."""

import numpy as np
import pytest

from regrade.models.estimates import Resamples, cohen_kappa, observed_agreement, tables


def test_the_first_row_is_the_sample_itself_and_groups_are_never_split() -> None:
    drawn = Resamples.of(["a", "b", "a", "c"], resamples=50)
    assert drawn.weights.shape == (51, 4)
    assert (drawn.weights[0] == 1).all()
    assert (drawn.weights[:, 0] == drawn.weights[:, 2]).all()
    assert (drawn.weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_a_ratio_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    found = [
        Resamples.of([str(i) for i in range(100)], resamples=400, seed=s).ratio(rng.random(100) < 0.3)
        for s in range(200)
    ]
    assert 0.89 <= np.mean([e.low <= 0.3 <= e.high for e in found]) <= 0.98


def test_a_ratio_over_nothing_is_undefined() -> None:
    drawn = Resamples.of(["a", "b"], resamples=10)
    empty = drawn.ratio(np.array([True, False]), np.array([False, False]))
    assert np.isnan(empty.value)
    assert empty.to_json() == {"value": None, "low": None, "high": None, "n": 0, "groups": 2}
    assert str(empty) == "–"


def test_a_ratio_counts_the_photos_it_is_about() -> None:
    drawn = Resamples.of(list("abcd"), resamples=10)
    assert drawn.ratio(np.array([1, 0, 0, 0]), np.array([1, 1, 0, 0])).n == 2


def test_no_photos_cannot_be_resampled() -> None:
    with pytest.raises(ValueError, match="no photos"):
        Resamples.of([])


def test_tables_of_weighted_photos_count_them_as_often() -> None:
    table = tables(np.array([0, 1, 1]), np.array([0, 1, 0]), 2, np.array([[1.0, 1, 1], [0, 3, 0]]))
    assert table.tolist() == [[[1, 0], [1, 1]], [[0, 0], [0, 3]]]
    assert observed_agreement(table).tolist() == pytest.approx([2 / 3, 1.0])
    assert np.isnan(cohen_kappa(table)[1])
