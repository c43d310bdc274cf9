"""How far the model's word moves inspectors: by lot some decide before it is shown."""

from datetime import UTC, datetime

import numpy as np
import pytest

from regrade.serving.review.quality.influence import influence, share_difference
from regrade.serving.review.types import DecisionRow

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


def looks(who: str, *, first: tuple[int, int], after: tuple[int, int], role: str = "station") -> list[DecisionRow]:
    """Decisions of `who`, of which so many agree, of so many: before and after the word was shown."""
    made = []
    for blind, (agreed, total) in ((True, first), (False, after)):
        for index in range(total):
            made.append(
                DecisionRow(
                    review_id="r", inspection_id=f"{who}-{blind}-{index}", category="footwear", seller="acme",
                    station=f"bench of {who}", created_at=MONDAY, decided_at=MONDAY, kind="unsure", blind=blind,
                    key_id=f"k-{who}", reviewer=who, condition="used" if index < agreed else "damaged",
                    model_condition="used", model_confidence=0.6, auto_threshold=0.9, automatic=False, share=None,
                    sample_share=None, versions={"footwear": "1"}, alpha=None, seconds=None, rubric=None, role=role,
                )
            )  # fmt: skip
    return made


def test_the_difference_of_shares_is_that_of_newcombe_1998() -> None:
    # His table II, method 10: 56/70 − 48/80 and 9/10 − 3/10, and the corner 10/10 − 0/10.
    for one, other, low, high in (
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ):
        _, found = share_difference(one, other)
        assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_its_interval_holds_the_truth_in_95_of_100_draws() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(1000):
        _, found = share_difference((rng.binomial(40, 0.9), 40), (rng.binomial(25, 0.7), 25))
        held += found.low <= 0.2 <= found.high
    assert held >= 930


def test_who_follows_the_word_is_told_from_who_does_not() -> None:
    rows = [*looks("Ann", first=(20, 40), after=(76, 80)), *looks("Bob", first=(28, 40), after=(57, 80))]
    found = {one.part: one for one in influence(rows, "people")}
    assert (found["Ann"].verdict, found["Bob"].verdict) == ("moved", "unproven")
    assert found["Ann"].moved == pytest.approx(0.45)
    (together,) = influence(rows, "all")
    assert (together.first, together.first_agreed, together.after) == (80, 48, 160)


def test_somebody_may_turn_against_it() -> None:
    (found,) = influence(looks("Ann", first=(38, 40), after=(40, 80)), "people")
    assert found.verdict == "opposed"


def test_without_the_one_or_the_other_nothing_is_said() -> None:
    (found,) = influence(looks("Ann", first=(0, 0), after=(9, 10)), "station")
    assert (found.part, found.moved, found.interval, found.verdict) == ("bench of Ann", None, None, "unknown")


def test_reviewers_are_left_out_for_no_lot_parts_their_looks() -> None:
    assert influence(looks("Ann", first=(3, 10), after=(9, 10), role="reviewer"), "all") == []
