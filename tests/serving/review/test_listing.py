"""What a list is narrowed by is what its reader is shown: no filter tells a reviewer what is hidden from them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from regrade.models.types import CONDITIONS
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.http.render import inspection_out
from regrade.serving.inspections import visibility as blind
from regrade.serving.inspections.listing import Filters, page_query
from regrade.serving.storage.records import Inspection


def listed(kit: Any, reader: ApiKey, **filters: Any) -> set[str]:
    """The ids that a list shows to `reader`."""
    page = kit.store.page(Filters(viewer=kit.desk.viewer(reader), **filters), 100, None)
    return {inspection.id for inspection in page.items}


def shown(kit: Any, reader: ApiKey) -> dict[str, tuple[Any, Any, Any]]:
    """By id, what a reading shows to `reader`: status, condition and action. Notes nowhere that it was shown."""
    every: tuple[Inspection, ...] = kit.store.page(Filters(), 100, None).items
    with kit.database.read() as connection:
        seen = [inspection_out(one, "en") for one in blind.seen_by(connection, every, kit.desk.viewer(reader))]
    return {
        one.id: (one.status, one.grade and one.grade.condition, one.disposition and one.disposition.action)
        for one in seen
    }


def assert_lists_as_shown(kit: Any, reader: ApiKey) -> None:
    known = shown(kit, reader)
    for status in ("graded", "needs_review", "reviewed", "retake"):
        assert listed(kit, reader, status=status) == {i for i, one in known.items() if one[0] == status}
    for condition in CONDITIONS:
        assert listed(kit, reader, condition=condition) == {i for i, one in known.items() if one[1] == condition}
    for action in ACTIONS:
        assert listed(kit, reader, disposition=action) == {i for i, one in known.items() if one[2] == action}


def test_lists_agree_with_readings_whatever_was_decided_and_whoever_reads(make_kit: Any) -> None:
    kit = make_kit(sample=1.0, second=1.0)
    readers = [kit.reviewer(name) for name in ("Ann", "Bob", "Cleo")]
    readers += [kit.station, kit.keys.create("engineer", "Eve")[1], kit.keys.create("admin", "Ada")[1]]
    for condition in CONDITIONS:
        kit.add(sure=True, condition=condition)
        kit.add(condition=condition)
    for name, condition in [("Ann", "used"), ("Bob", "damaged"), ("Ann", "opened"), ("Bob", "used"), ("Cleo", "used")]:
        decided = kit.decide(name, condition)
        for reader in readers:
            assert_lists_as_shown(kit, reader)
        if condition == "opened":
            kit.desk.undo(decided, kit.reviewer(name))
            kit.desk.release_all(kit.reviewer(name))
        kit.time += timedelta(seconds=40)
        for reader in readers:
            assert_lists_as_shown(kit, reader)


def test_an_item_that_is_hidden_is_listed_as_unchanged_since_it_came_in(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made, before = kit.add(), kit.time - timedelta(seconds=1)
    kit.decide("Ann", "damaged")  # Bob may be given the second look
    assert listed(kit, kit.station, updated_since=before) == listed(kit, kit.reviewer("Ann"), updated_since=before)
    assert listed(kit, kit.station, updated_since=before) == {made.id}
    assert listed(kit, kit.reviewer("Bob"), updated_since=before) == set()
    assert listed(kit, kit.reviewer("Bob"), updated_since=made.created_at) == {made.id}


def test_a_decision_and_its_undoing_are_changes(kit: Any) -> None:
    made = kit.add()
    start = kit.time
    assert listed(kit, kit.station, updated_since=start) == set()
    kit.time += timedelta(seconds=30)
    kit.decide("Ann", "damaged")
    assert listed(kit, kit.station, updated_since=start, condition="damaged") == {made.id}
    kit.time += timedelta(seconds=20)
    kit.desk.undo(made.id, kit.reviewer("Ann"))
    assert listed(kit, kit.station, updated_since=kit.time, condition="used") == {made.id}
    assert listed(kit, kit.station, updated_since=kit.time + timedelta(seconds=1)) == set()


@pytest.mark.parametrize("name", ["rma", "sku", "seller", "station"])
def test_items_are_found_by_what_stands_on_their_labels(kit: Any, name: str) -> None:
    mine = kit.add(**{name: "this one"})
    kit.add(**{name: "another"})
    kit.add()
    assert listed(kit, kit.station, **{name: "this one"}) == {mine.id}
    assert listed(kit, kit.station, **{name: "this"}) == set()


def test_an_empty_text_finds_items_that_have_none(kit: Any) -> None:
    kit.add(seller="acme")
    without = kit.add()
    assert listed(kit, kit.station, seller="") == {without.id}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", ["rma", "sku", "seller", "station", "category", "condition", "disposition"])
def test_a_narrowed_list_is_read_by_an_index(kit: Any, name: str) -> None:
    used: dict[str, Any] = {name: "used"}
    query = page_query(replace(Filters(), **used), None).compile(kit.database.engine)
    with kit.database.read() as connection:
        [plan] = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("used",)).all()[:1]
    assert f"USING INDEX ix_inspections_{name}" in plan[3]
