"""Which decision stands, which look is owed, and when a condition is settled: the whole rule as one table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regrade.serving.base.dispositions import Disposition, Money
from regrade.serving.storage.adjudication import owed, settled, standing, votes_of
from regrade.serving.storage.reviews import Review

CLEARANCE = Disposition("clearance", Money(1.0, "USD"), (), (), "default@1")
U, O, S, D = "unopened", "opened", "used", "damaged"  # noqa: E741


def review(kind: Any, condition: str, minute: int, undone: bool = False) -> Review:
    at = datetime(2026, 11, 23, 12, minute, tzinfo=UTC)
    who = (f"key{minute}", f"Reviewer {minute}")
    back = at + timedelta(seconds=5) if undone else None
    return Review(f"r{minute}", "i", at, *who, O, condition, CLEARANCE, "policy", None, None, kind=kind, undone_at=back)


def made(*votes: tuple[str, str]) -> list[Review]:
    return [review(kind, condition, minute) for minute, (kind, condition) in enumerate(votes)]


# The model's grade is `opened` throughout; a second look was drawn wherever one was decided.
RULE = [
    # votes                                              owed           settled  stands
    ([], set(), None, None),
    ([("unsure", O)], set(), O, O),
    ([("unsure", S)], set(), S, S),
    ([("unsure", S), ("second", S)], {"second"}, S, S),
    ([("unsure", S), ("second", D)], {"second", "third"}, None, S),
    ([("unsure", S), ("second", D), ("third", S)], {"second", "third"}, S, S),
    ([("unsure", S), ("second", D), ("third", D)], {"second", "third"}, D, D),
    ([("unsure", S), ("second", D), ("third", U)], {"second", "third"}, U, U),
    ([("sample", O)], set(), O, None),
    ([("sample", S)], {"third"}, None, S),
    ([("sample", S), ("third", S)], {"third"}, S, S),
    ([("sample", S), ("third", O)], {"third"}, O, O),
    ([("sample", S), ("third", D)], {"third"}, D, D),
    ([("sample", O), ("second", O)], {"second"}, O, None),
    ([("sample", O), ("second", S)], {"second", "third"}, None, None),
    ([("sample", O), ("second", S), ("third", O)], {"second", "third"}, O, None),
    ([("sample", O), ("second", S), ("third", S)], {"second", "third"}, S, S),
    ([("sample", O), ("second", S), ("third", D)], {"second", "third"}, D, D),
    ([("sample", S), ("second", S)], {"second", "third"}, None, S),
    ([("sample", S), ("second", S), ("third", O)], {"second", "third"}, S, S),
    ([("sample", S), ("third", O), ("second", S)], {"second", "third"}, S, S),
    ([("sample", S), ("second", O), ("third", O)], {"second", "third"}, O, O),
]


@pytest.mark.parametrize(("votes", "looks", "condition", "stands"), RULE)
def test_the_rule(votes: list[tuple[str, str]], looks: set[str], condition: str | None, stands: str | None) -> None:
    reviews = made(*votes)
    found = votes_of(reviews)
    decision = standing(O, reviews)
    assert owed(O, found, second_drawn="second" in found) == looks
    assert settled(O, found) == condition
    assert (None if decision is None else decision.condition) == stands


def test_a_second_look_that_was_drawn_is_owed_before_it_is_decided() -> None:
    assert owed(O, votes_of(made(("unsure", S))), second_drawn=True) == {"second"}
    assert owed(O, {}, second_drawn=True) == set()


def test_what_was_undone_counts_for_nothing() -> None:
    again = [review("unsure", S, 0, undone=True), review("unsure", D, 1)]
    decision = standing(O, again)
    assert decision is not None
    assert (decision.condition, settled(O, votes_of(again))) == (D, D)
    assert standing(O, again[:1]) is None


def test_of_equal_words_the_third_stands_where_it_settled() -> None:
    decision = standing(O, made(("unsure", S), ("second", D), ("third", S)))
    assert decision is not None
    assert decision.kind == "third"
