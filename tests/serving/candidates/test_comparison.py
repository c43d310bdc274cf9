"""A candidate beside the active bundle: what figures say, and what may be claimed of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from regrade.datasets.category import load_categories
from regrade.models.types import CONDITIONS
from regrade.serving.candidates.comparison import claims, figures, most_of, no_worse
from regrade.serving.candidates.pairs import Opinion, Pair
from regrade.serving.policy.load import Policy, load_policy
from regrade.serving.policy.promise.looks import looks_of
from regrade.serving.policy.terms import economics_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DELTA = 0.10


@pytest.fixture(scope="module")
def policy() -> Policy:
    """The shipped one."""
    return load_policy(categories=load_categories())


def opinion(condition: str, *, alone: bool = True, sure: float = 0.97) -> Opinion:
    rest = (1 - sure) / (len(CONDITIONS) - 1)
    return Opinion({c: sure if c == condition else rest for c in CONDITIONS}, frozenset(), alone)


def pair(n: int, active: str, candidate: str, truth: str | None, *, blind: bool = True, station: str = "LA-01") -> Pair:
    at = NOON + timedelta(minutes=n)
    decided = None if truth is None else at
    return Pair(
        str(n), None, station, at, opinion(active), opinion(candidate, alone=False), False, False, truth, decided, blind
    )


def many(active: list[str], candidate: list[str], truth: list[str], *, blind: bool = True) -> list[Pair]:
    every = zip(active, candidate, truth, strict=True)
    return [pair(n, a, c, t, blind=blind) for n, (a, c, t) in enumerate(every)]


def test_figures_tell_both_and_their_difference(policy: Policy) -> None:
    found = many(["used"] * 10, ["used"] * 5 + ["damaged"] * 5, ["used"] * 4 + ["damaged"] * 6)
    (row,) = figures(policy, "apparel", [*found, pair(99, "used", "used", None)])
    assert (row.items, row.decided, row.blind, row.part) == (11, 10, 10, None)
    assert row.agreement is not None
    assert (row.agreement.active.value, row.agreement.candidate.value) == (0.4, 0.9)
    assert row.agreement.difference.value == pytest.approx(0.5)
    assert 0 < row.agreement.difference.low < 0.5 < row.agreement.difference.high
    assert row.coverage is not None
    assert (row.coverage.active.value, row.coverage.candidate.value) == (1.0, 0.0)
    assert row.log_loss is not None
    assert row.log_loss.difference.value < 0


def test_what_an_action_loses_is_its_regret_under_the_policy_in_force(policy: Policy) -> None:
    (row,) = figures(policy, "apparel", many(["opened"] * 4, ["used"] * 4, ["used"] * 4))
    economics, _ = economics_of(policy.base, "apparel")
    regret = economics.recovery("used", "refurbish", economics.default_value)
    regret -= economics.recovery("used", "repackage", economics.default_value)
    assert row.loss is not None
    assert row.loss.active.value == pytest.approx(regret)
    assert row.loss.candidate.value == 0
    assert row.harm is not None
    assert (row.harm.active.value, row.harm.candidate.value) == (1.0, 0.0)


def test_without_a_decision_there_is_coverage_alone(policy: Policy) -> None:
    (row,) = figures(policy, "apparel", [pair(1, "used", "used", None)])
    assert (row.agreement, row.loss, row.harm, row.log_loss) == (None, None, None, None)
    assert row.coverage is not None
    assert figures(policy, "apparel", []) == []


def test_figures_by_part_are_in_the_order_of_its_names(policy: Policy) -> None:
    found = [pair(n, "used", "used", "used", station=f"LA-0{n % 3}") for n in range(6)]
    assert [row.part for row in figures(policy, "apparel", found, "station")] == ["LA-00", "LA-01", "LA-02"]
    assert [row.part for row in figures(policy, "apparel", found, "week")] == ["2026-W48"]


def test_nothing_is_claimed_at_first_and_a_candidate_that_decides_alike_is_shown_to_be_no_worse(policy: Policy) -> None:
    alike = many(["used"] * 400, ["used"] * 400, ["used"] * 400)
    assert [(one.looks, one.shown, one.more) for one in claims(policy, "apparel", [], DELTA)] == [
        (0, False, None),
        (0, False, None),
    ]
    early = claims(policy, "apparel", alike[:50], DELTA)
    assert not no_worse(early)
    money, harm = early
    assert (money.what, harm.what, money.mean, money.margin) == ("money", "harm", 0.0, pytest.approx(0.425))
    assert money.more is not None
    assert harm.more is not None
    assert 0 < money.more < harm.more < 350
    assert no_worse(claims(policy, "apparel", alike, DELTA))
    exactly = claims(policy, "apparel", alike[: 50 + harm.more], DELTA)
    assert no_worse(exactly)
    assert not no_worse(claims(policy, "apparel", alike[: 49 + harm.more], DELTA))


def test_looks_that_were_not_blind_show_nothing(policy: Policy) -> None:
    seen = many(["used"] * 900, ["used"] * 900, ["used"] * 900, blind=False)
    assert [one.looks for one in claims(policy, "apparel", seen, DELTA)] == [0, 0]


def test_a_worse_candidate_is_not_shown_to_be_no_worse(policy: Policy) -> None:
    luck = np.random.default_rng(1)
    truth = [str(c) for c in luck.choice(["opened", "used"], 900)]
    dearer = ["used" if t == "opened" and luck.random() < 0.3 else t for t in truth]
    money, _ = claims(policy, "apparel", many(truth, dearer, truth), DELTA)
    assert (money.shown, money.more, money.mean > money.margin) == (False, None, True)
    harmful = ["opened" if luck.random() < 0.2 else t for t in truth]
    _, harm = claims(policy, "apparel", many(truth, harmful, truth), DELTA)
    assert (harm.shown, harm.more) == (False, None)


def test_what_was_shown_once_stays_shown(policy: Policy) -> None:
    alike = many(["used"] * 400, ["used"] * 400, ["used"] * 400)
    then = [replace(one, candidate=opinion("opened")) for one in many(["used"] * 30, ["used"] * 30, ["used"] * 30)]
    later = [replace(one, inspection_id=f"later-{n}") for n, one in enumerate(then)]
    assert no_worse(claims(policy, "apparel", [*alike, *later], DELTA))


def test_the_most_that_can_be_lost_is_that_of_actions_that_can_be_best(policy: Policy) -> None:
    economics, _ = economics_of(policy.base, "apparel")
    table = policy.held_out.get("apparel")
    assert table is None  # the shipped policy, without the tables of bundles
    from regrade.models.promise.held_out import held_out

    empty = held_out("1", CONDITIONS, np.zeros((0, 4)), np.zeros((0, 4)), [])
    looks = looks_of(policy.base, economics, "apparel", economics.default_value, empty)
    assert most_of(looks) == pytest.approx(13.2)
    assert looks.regrets.max() > 2 * most_of(looks)
