"""What is told: every event of an item's life, as it stood then, in an order that nobody can miss any of."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from regrade.serving.base.errors import EventsGoneError
from regrade.serving.erasure.eraser import Eraser
from regrade.serving.erasure.records import Actor
from regrade.serving.events.log import Wanted
from regrade.serving.outbox.tables import events
from regrade.serving.outbox.writer import note_site
from regrade.serving.review.types import Asking


def types(site: Any) -> list[str]:
    return [event.type for event in site.told()]


def test_each_step_in_an_items_life_is_told_once_and_in_order(site: Any, eraser: Eraser) -> None:
    item = site.graded()
    site.decided(item)
    site.desk.undo(item.id, site.ann)
    eraser.erase(item.id, Actor("admin"))
    eraser.erase(item.id, Actor("admin"))
    assert types(site) == [f"inspection.{step}" for step in ("graded", "decided", "reopened", "erased")]
    assert {event.inspection.id for event in site.told()} == {item.id}


def test_an_event_shows_the_item_as_it_stood_then(site: Any) -> None:
    item = site.graded()
    site.decided(item, "opened")
    site.desk.undo(item.id, site.ann)
    graded, decided, reopened = (event.inspection for event in site.told())
    assert (graded.status, graded.review) == ("needs_review", None)
    assert (decided.status, decided.review.condition) == ("reviewed", "opened")
    assert (reopened.status, reopened.review) == ("needs_review", None)


def test_what_is_asked_of_the_station_is_told_and_what_is_asked_of_reviewers_is_not(site: Any) -> None:
    item, other = site.graded(), site.graded("RMA-2")
    site.desk.ask(item.id, site.claim(item).token, site.ann, Asking("photos", "of the soles"))
    site.desk.ask(other.id, site.claim(other).token, site.ann, Asking("cannot_tell"))
    site.desk.answer(item.id, site.station, "there are none")
    asked, answered = (event.inspection for event in site.told() if event.type == "station.changed")
    assert (asked.ask.kind, asked.ask.note) == ("photos", "of the soles")
    assert answered.ask is None


def test_once_erased_earlier_events_hold_nothing_personal(site: Any, eraser: Eraser) -> None:
    item = site.graded("RMA-7", seller="acme")
    site.desk.ask(item.id, site.claim(item).token, site.ann, Asking("photos", "call Joe"))
    eraser.erase(item.id, Actor("admin"))
    for event in site.told():
        assert event.inspection.erased is not None
        assert "RMA-7" not in repr(event)
        assert "Joe" not in repr(event)
    assert next(event.inspection.status for event in site.told()) == "needs_review"


def test_where_nothing_was_stored_nothing_is_told(site: Any) -> None:
    item = site.graded()

    def failing() -> None:
        with site.database.write() as connection:
            note_site(connection, "promise.broken", datetime.now(UTC), {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert types(site) == ["inspection.graded"]
    site.decided(item)
    with site.database.read() as connection:
        assert connection.execute(select(events.c.number).order_by(events.c.number)).scalars().all() == [1, 2]


def test_those_who_read_on_miss_nothing_that_several_write_at_once(site: Any) -> None:
    def write(name: str) -> None:
        for number in range(10):
            site.graded(f"{name}-{number}")

    writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for one in writers:
        one.start()
    seen: list[str] = []
    cursor = None
    while any(one.is_alive() for one in writers) or len(seen) < 30:
        page = site.log.page(Wanted(), 7, cursor)
        seen += [event.id for event in page.items]
        cursor = page.next_cursor
    assert len(seen) == len(set(seen)) == 30
    assert not site.log.page(Wanted(), 7, cursor).items


def test_a_page_is_narrowed_and_its_cursor_moves_on_past_what_was_not_wanted(site: Any) -> None:
    first = site.graded("1", seller="acme", station="LA-01")
    site.graded("2", seller="other", station="LA-02")
    site.decided(first)

    def found(**wanted: Any) -> list[str]:
        page = site.log.page(Wanted(**wanted), 10, None)
        return [f"{event.inspection.item['rma']} {event.type}" for event in page.items]

    assert found(sellers=("acme",)) == ["1 inspection.graded", "1 inspection.decided"]
    assert found(station="LA-02") == ["2 inspection.graded"]
    assert found(types=("inspection.decided",), inspection_id=first.id) == ["1 inspection.decided"]
    nothing = site.log.page(Wanted(sellers=("nobody",)), 10, None)
    assert nothing.items == ()
    assert nothing.next_cursor == site.told()[-1].id


def test_before_anything_has_happened_there_is_no_cursor(site: Any) -> None:
    assert site.log.page(Wanted(), 10, None).next_cursor is None


def test_a_cursor_older_than_events_are_kept_is_refused_and_the_newest_one_never(site: Any) -> None:
    for rma in "abc":
        site.graded(rma)
    first, _, last = (event.id for event in site.told())
    assert site.log.forget(datetime.now(UTC) + timedelta(days=1)) == 2
    with pytest.raises(EventsGoneError, match="older than events are kept"):
        site.log.page(Wanted(), 10, first)
    assert site.log.page(Wanted(), 10, last).items == ()


def test_a_broken_promise_is_never_forgotten(site: Any) -> None:
    with site.database.write() as connection:
        note_site(connection, "promise.broken", datetime.now(UTC) - timedelta(days=900), {"category": "toys"})
    site.graded()
    site.graded("RMA-2")
    site.log.forget(datetime.now(UTC) + timedelta(days=1))
    assert next((event.type, dict(event.data)) for event in site.told()) == ("promise.broken", {"category": "toys"})


def test_the_same_number_cannot_be_given_twice(site: Any) -> None:
    site.graded()
    row = {"number": 1, "id": "x", "type": "inspection.graded", "at": datetime.now(UTC)}
    with pytest.raises(IntegrityError, match=r"(?i)unique"), site.database.write() as connection:
        connection.execute(insert(events).values(row))
