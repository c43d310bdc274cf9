"""Figures of results are those that one would reckon by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from regrade.serving.base.errors import InvalidFieldsError, NotFoundError
from regrade.serving.results.asked import Asked
from regrade.serving.results.figures import figures
from regrade.serving.results.saved import forget, save, views
from regrade.serving.storage.scope import seeing
from regrade.serving.storage.tables import review_undos

START = datetime(2026, 11, 2, tzinfo=UTC)
NOW = START + timedelta(days=10)


def told(shelf: Any, asked: Asked = Asked(), target: float = 24.0) -> Any:  # noqa: B008
    return figures(shelf.database, asked, None, now=NOW, target=target)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def test_pace_counts_the_hours_in_which_there_was_something(shelf: Any) -> None:
    for hours in (0.1, 0.2, 0.9, 5.5):
        shelf.add(station="LA-01", created_at=at(hours))
    row = shelf.add(station=None, created_at=at(1))
    ann, bob = shelf.people
    for hours, seconds in ((1.1, 20.0), (1.2, 40.0), (7, None)):
        shelf.look(row, ann, at(hours), seconds)
    undone = shelf.look(row, bob, at(2), 5.0)
    with shelf.database.write() as connection:
        connection.execute(insert(review_undos).values(review_id=undone, undone_at=at(2), key_id=bob.id))
    found = told(shelf)
    assert [(one.name, one.done, one.hours, one.an_hour) for one in found.stations] == [("LA-01", 4, 2, 2.0)]
    assert [(one.name, one.done, one.hours, one.seconds) for one in found.people] == [("Ann", 3, 2, 30.0)]


def test_the_automatic_share_is_of_what_was_graded(shelf: Any) -> None:
    shelf.add(status="graded", created_at=at(0))
    shelf.add(status="reviewed", sample_share=0.1, created_at=at(1))  # a blind look at what went alone
    shelf.add(status="needs_review", created_at=at(2), category="packaging")
    shelf.add(status="retake", model_condition=None, created_at=at(3))
    shelf.add(status="graded", created_at=at(7 * 24))
    found = told(shelf)
    assert (found.items, found.automatic.graded, found.automatic.automatic, found.automatic.share) == (5, 4, 3, 0.75)
    assert [(one.name, one.graded, one.automatic) for one in found.automatic_categories] == [
        ("footwear", 3, 3),
        ("packaging", 1, 0),
    ]
    assert [(one.name, one.graded) for one in found.automatic_weeks] == [("2026-W45", 3), ("2026-W46", 1)]


def test_recovery_is_beside_what_the_policy_s_own_actions_would_recover(shelf: Any) -> None:
    shelf.add(seller="acme", recovery=30.0, policy_recovery=40.0)
    shelf.add(seller="acme")
    shelf.add(seller="zenith", currency="EUR", recovery=-2.0, policy_recovery=-2.0)
    shelf.add(seller="acme", status="needs_review", recovery=7.0)  # nobody has decided yet
    shelf.add(seller="acme", recovery=None, policy_recovery=None, currency=None, condition=None)
    sellers = [(one.name, one.currency, one.items, one.lost, one.overridden) for one in told(shelf).recovery_sellers]
    assert sellers == [("acme", "USD", 2, 10.0, 1), ("zenith", "EUR", 1, 0.0, 0)]
    weeks = [(one.name, one.currency, one.decided, one.policy) for one in told(shelf).recovery_weeks]
    assert weeks == [("2026-W45", "EUR", -2.0, -2.0), ("2026-W45", "USD", 40.0, 50.0)]


def test_the_queue_is_told_by_age_and_against_a_target(shelf: Any) -> None:
    for hours in (0.5, 2, 10, 30, 100):
        shelf.task(shelf.add(created_at=NOW - timedelta(hours=hours)))
    shelf.task(shelf.add(created_at=NOW), state="done")
    found = told(shelf, target=8.0).queue
    assert (found.waiting, found.ages, round(found.oldest, 3), found.late) == (5, (1, 1, 1, 1, 1), 100.0, 3)
    assert told(shelf, Asked(seller="nobody")).queue.waiting == 0


def test_the_forecast_multiplies_what_was_measured(shelf: Any) -> None:
    rows = [shelf.add(created_at=at(24 * day + hour)) for day in range(2) for hour in range(12 * (day + 1))]
    for row in rows[:18]:
        shelf.look(row, shelf.people[0], at(60), 100.0)
    asked = Asked(since=START, until=START + timedelta(days=2))
    found = told(shelf, asked).forecast
    assert (found.a_day, found.most, found.share, found.looks, found.seconds) == (18.0, 24.0, 0.0, 0.5, 100.0)
    assert found.hours == pytest.approx(18 * 0.5 * 100 / 3600)
    assert found.hours_at_most == pytest.approx(24 * 0.5 * 100 / 3600)


def test_a_site_that_is_younger_than_what_is_asked_for_had_no_empty_days_before(shelf: Any) -> None:
    for day in range(3):
        for hour in range(6):
            shelf.add(created_at=at(24 * day + hour))
    asked = Asked(since=START - timedelta(days=84), until=START + timedelta(days=3))
    assert told(shelf, asked).forecast.a_day == 6.0


def test_nothing_is_forecast_of_nothing(shelf: Any) -> None:
    found = told(shelf)
    assert (found.forecast.hours, found.forecast.people, found.forecast.share) == (None, None, None)
    assert (found.stations, found.people, found.queue.ages) == ([], [], (0, 0, 0, 0, 0))
    assert found.automatic.share is None


def test_figures_are_of_one_s_own_sellers_alone(shelf: Any) -> None:
    for seller in ("acme", "zenith"):
        row = shelf.add(seller=seller, station=f"of {seller}", created_at=at(1))
        shelf.task(row)
        shelf.look(row, shelf.people[0], at(2), 10.0)
    with seeing(("acme",)):
        found = told(shelf)
    assert (found.items, found.queue.waiting, found.people[0].done) == (1, 1, 1)
    assert [one.name for one in found.stations] == ["of acme"]
    assert [one.name for one in found.recovery_sellers] == ["acme"]


def test_views_are_one_s_own_or_shared(shelf: Any) -> None:
    ann, bob = shelf.people
    save(shelf.database, ann, "mine", {"seller": "a&b=c"}, shared=False)
    shared = save(shelf.database, ann, "ours", {"columns": "rma,id"}, shared=True)
    assert [(one.name, dict(one.query), one.own) for one in views(shelf.database, ann)] == [
        ("mine", {"seller": "a&b=c"}, True),
        ("ours", {"columns": "rma,id"}, True),
    ]
    assert [(one.name, one.own, one.by) for one in views(shelf.database, bob)] == [("ours", False, "Ann")]
    with pytest.raises(NotFoundError):
        forget(shelf.database, bob, shared)
    assert save(shelf.database, ann, "ours", {}, shared=False) == shared
    assert views(shelf.database, bob) == []
    forget(shelf.database, ann, shared)
    assert [one.name for one in views(shelf.database, ann)] == ["mine"]


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("", {}),
        ("x" * 101, {}),
        ("a\0", {}),
        ("\u202eevil", {}),
        ("x", {"status": "done"}),
        ("x", {"columns": "secret"}),
    ],
)
def test_a_view_that_would_not_open_is_not_saved(shelf: Any, name: str, query: dict[str, str]) -> None:
    with pytest.raises(InvalidFieldsError):
        save(shelf.database, shelf.people[0], name, query, shared=False)
    assert views(shelf.database, shelf.people[0]) == []
