"""Agreement and error rates, against values from textbooks and samples whose truth is known."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from regrade.serving.review.quality.errors_and_agreement import agreement_by, error_rates, pairs_of
from regrade.serving.review.quality.statistics import (
    agreement_interval,
    beta_cdf,
    chi_square_tail,
    clopper_pearson,
    homogeneity,
    wilson,
)
from regrade.serving.review.types import AutoGraded, DecisionRow

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
LOOK = DecisionRow(
    review_id="r", inspection_id="i", category="footwear", seller="acme", station="LA-07", created_at=MONDAY,
    decided_at=MONDAY, kind="sample", blind=True, key_id="k-Ann", reviewer="Ann", condition="used",
    model_condition="used", model_confidence=0.98, auto_threshold=0.9, automatic=True, share=0.1, sample_share=0.1,
    versions={"footwear": "1"}, alpha=0.02, seconds=None, rubric=None,
    role="reviewer",
)  # fmt: skip
WEEK = AutoGraded("footwear", "acme", "2026-W48", 1200, 1000, 100, 100)


def sampled(count: int, wrong: int, start: int = 0, **changed: Any) -> list[DecisionRow]:
    """`count` sampled items of which the first `wrong` are not graded as the model did, and no tie-break is open."""
    looks = []
    for index in range(count):
        look = replace(LOOK, inspection_id=f"i{start + index}", **changed)
        if index < wrong:
            look = replace(look, condition="damaged")
            looks.append(replace(look, kind="third", reviewer="Cleo", key_id="k-Cleo"))
        looks.append(look)
    return looks


def test_wilson_is_that_of_newcombe_1998() -> None:
    found = wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 20).low == 0.0
    assert round(wilson(0, 20).high, 4) == 0.1611


def test_clopper_pearson_is_that_of_newcombe_1998() -> None:
    found = clopper_pearson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2527, 0.3676)
    assert round(clopper_pearson(1, 29).low, 4) == 0.0009
    assert round(clopper_pearson(1, 29).high, 4) == 0.1776
    assert round(clopper_pearson(0, 20).high, 4) == 0.1684


def test_the_beta_distribution_is_exact_where_it_has_a_closed_form() -> None:
    assert beta_cdf(0.3, 1, 1) == pytest.approx(0.3)
    assert beta_cdf(0.3, 4, 1) == pytest.approx(0.3**4)
    assert beta_cdf(0.3, 2, 3) == pytest.approx(0.3483)
    assert (beta_cdf(0, 2, 3), beta_cdf(1, 2, 3)) == (0, 1)


@pytest.mark.parametrize(("statistic", "freedom"), [(3.841, 1), (5.991, 2), (7.815, 3), (9.488, 4), (11.070, 5)])
def test_chi_square_has_its_tabled_critical_values(statistic: float, freedom: int) -> None:
    assert chi_square_tail(statistic, freedom) == pytest.approx(0.05, abs=2e-5)


def test_equal_mixes_are_homogeneous_and_others_are_not() -> None:
    assert homogeneity([10, 20, 0, 0], [20, 40, 0, 0]) == (0.0, 1, 1.0)
    assert homogeneity([0, 0], [3, 4])[2] == 1.0
    statistic, freedom, chance = homogeneity([90, 10], [70, 30])
    assert (statistic, freedom) == (pytest.approx(12.5), 1)
    assert chance == pytest.approx(0.000407, abs=1e-6)


def test_kappa_is_that_of_a_worked_example_and_its_interval_holds_it() -> None:
    # 20 + 15 of 50 agree; chance agreement is 0.5: kappa is 0.4.
    pairs = [("used", "used")] * 20 + [("used", "opened")] * 5 + [("opened", "used")] * 10 + [("opened", "opened")] * 15
    found = agreement_interval(pairs)
    assert (found.items, found.raw, found.kappa) == (50, 0.7, pytest.approx(0.4))
    assert found.kappa_interval is not None
    # By the large-sample standard error of Cohen (1960), 0.13: about 0.15 to 0.65.
    assert found.kappa_interval.low == pytest.approx(0.15, abs=0.03)
    assert found.kappa_interval.high == pytest.approx(0.65, abs=0.03)
    assert agreement_interval(pairs) == found


def test_what_is_not_defined_is_none() -> None:
    assert agreement_interval([]).raw is None
    same = agreement_interval([("used", "used")] * 9)
    assert (same.raw, same.kappa, same.kappa_interval) == (1.0, None, None)
    both = agreement_interval([("used", "used"), ("opened", "opened")])
    assert (both.kappa, both.kappa_interval) == (1.0, None)


def test_reviewers_are_compared_by_first_and_second_look_and_the_model_apart() -> None:
    second = replace(LOOK, kind="second", reviewer="Bob", key_id="k-Bob", condition="opened")
    third = replace(LOOK, kind="third", reviewer="Cleo", key_id="k-Cleo", condition="opened")
    seen = replace(LOOK, inspection_id="j", kind="unsure", blind=False, condition="opened", station=None)
    pairs = pairs_of([LOOK, second, third, seen])
    assert {(pair.subject, pair.conditions, pair.people) for pair in pairs} == {
        ("model_blind", ("used", "used"), "Ann"),
        ("reviewers", ("used", "opened"), "Ann – Bob"),
        ("model_seen", ("used", "opened"), "Ann"),
    }
    assert [name for name, _ in agreement_by(pairs, "station")] == [None, "LA-07"]
    assert [name for name, _ in agreement_by(pairs, "week")] == ["2026-W48"]


def test_equal_shares_give_the_exact_interval_and_an_extrapolation() -> None:
    (found,) = error_rates(sampled(100, 3), [WEEK])
    assert (found.items, found.covered, found.looked_at, found.wrong, found.pending) == (1200, 1000, 100, 3, 0)
    assert (found.rate, found.expected_wrong) == (pytest.approx(0.03), pytest.approx(30))
    exact = clopper_pearson(3, 100)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (pytest.approx(exact.low), pytest.approx(exact.high))
    assert (found.promised, found.verdict) == (pytest.approx(0.02), "warning")


def test_a_share_surely_above_the_promise_is_an_alarm_and_one_below_it_none() -> None:
    assert error_rates(sampled(100, 8), [WEEK])[0].verdict == "alarm"
    assert error_rates(sampled(100, 1), [WEEK])[0].verdict == "unproven"
    assert error_rates(sampled(1000, 1), [WEEK])[0].verdict == "kept"
    assert error_rates([], [WEEK])[0].verdict == "unknown"
    assert error_rates(sampled(100, 8, alpha=None), [WEEK])[0].verdict == "unknown"


def test_items_count_by_the_share_under_which_they_were_drawn() -> None:
    # 10% of 1000 with 10 in 100 wrong, all of 100 with none wrong: 100 of 1100 items.
    looks = sampled(100, 10) + sampled(100, 0, start=100, sample_share=1.0, seller="dear")
    (found,) = error_rates(looks, [])
    assert found.rate == pytest.approx(100 / 1100)
    assert {row.part: row.rate for row in error_rates(looks, [], "seller")} == {"acme": 0.1, "dear": 0.0}


def test_a_third_who_sides_with_the_model_clears_it_and_an_open_tie_is_counted_apart() -> None:
    differs = replace(LOOK, condition="damaged")
    third = replace(LOOK, kind="third", reviewer="Cleo", key_id="k-Cleo")
    (cleared,) = error_rates([differs, third], [WEEK])
    (open_tie,) = error_rates([differs], [WEEK])
    assert (cleared.wrong, cleared.pending, open_tie.wrong, open_tie.pending) == (0, 0, 0, 1)


def open_ties(count: int, start: int, **changed: Any) -> list[DecisionRow]:
    """`count` sampled items that the sample grades otherwise than the model, and nobody has settled."""
    return [replace(LOOK, inspection_id=f"i{start + index}", condition="damaged", **changed) for index in range(count)]


def test_open_ties_widen_the_interval_to_what_it_would_be_either_way() -> None:
    (found,) = error_rates(sampled(96, 3) + open_ties(4, 96), [WEEK])
    assert (found.looked_at, found.wrong, found.pending) == (100, 3, 4)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(clopper_pearson(3, 100).low)
    assert found.interval.high == pytest.approx(clopper_pearson(7, 100).high)
    # Of the ties like these, three of three have ended as wrong: (3 + 1) / (3 + 2) of the open ones.
    assert found.rate == pytest.approx((3 + 4 * 0.8) / 100)


def test_open_ties_alone_raise_a_warning_and_never_an_alarm() -> None:
    looks = sampled(80, 0) + open_ties(20, 80)
    (found,) = error_rates(looks, [WEEK])
    assert (found.verdict, found.rate) == ("warning", pytest.approx(0.1))
    settled = [replace(look, kind="third", reviewer="Cleo", key_id="k-Cleo") for look in looks[80:]]
    assert error_rates(looks + settled, [WEEK])[0].verdict == "alarm"


def test_a_sample_that_only_its_second_look_doubts_is_an_open_tie_of_another_kind() -> None:
    doubted = replace(LOOK, inspection_id="i100")
    second = replace(doubted, kind="second", reviewer="Bob", key_id="k-Bob", condition="damaged")
    (found,) = error_rates([*sampled(99, 3), doubted, second], [WEEK])
    assert (found.wrong, found.pending) == (3, 1)
    # Nothing is known of how ties of this kind end: one half.
    assert found.rate == pytest.approx(3.5 / 100)


def test_the_estimate_is_unbiased_and_the_interval_keeps_its_level() -> None:
    """200 weighted samples of 3000 items of which 4% are wrong, more of them where fewer are drawn."""
    random, held, rates = np.random.default_rng(3), 0, []
    for _ in range(200):
        looks: list[Any] = []
        for share, truth in ((0.05, 0.05), (0.15, 0.03)):
            drawn = int(random.binomial(1500, share))
            wrong = int(random.binomial(drawn, truth))
            looks += sampled(drawn, wrong, start=len(looks), sample_share=share)
        (found,) = error_rates(looks, [])
        assert found.rate is not None
        assert found.interval is not None
        held += found.interval.low <= 0.04 <= found.interval.high
        rates.append(found.rate)
    assert np.mean(rates) == pytest.approx(0.04, abs=0.003)
    assert held >= 186
