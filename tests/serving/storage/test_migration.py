"""A database of the first release, with work under way, is brought up to date."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Row, select, text
from sqlalchemy.exc import DBAPIError

from regrade.serving.storage import migrations
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import audit, disclosures, inspections, reviews, tasks, unfinished_erasures

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MOMENT = "%Y-%m-%d %H:%M:%S.%f"
WHY = {"code": "value_at_risk", "params": {"worth": 3.0, "cost": 0.85, "currency": "USD"}}


def decision(*reviews: Any, reasons: list[Any] | None = None) -> str:
    recovery = {"amount": 20.0, "currency": "USD"}
    disposition = {"action": "clearance", "expected_recovery": recovery, "reasons": reasons or [], "alternatives": []}
    return json.dumps({"disposition": {**disposition, "policy": "default@1"}, "review": list(reviews)})


def add(database: Database, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    with database.write() as connection:
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


def inspection(database: Database, name: str, status: str, decided: str | None, **more: Any) -> None:
    values = {"id": name, "created_at": NOW.strftime(MOMENT), "status": status, "key_id": "k1", "body_digest": "d"}
    item = {"rma": name, "seller": "acme", **more.pop("item", {})}
    copies = {"rma": name, "seller": "acme", "station": "s1", "category": "footwear"}
    written = {"item": json.dumps(item), "result": "{}", "decision": decided}
    add(database, "inspections", **values, **copies, **written, **more)


def step(database: Database, revision: str) -> None:
    """Bring the schema to a revision that is not the newest."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Database]:
    """A database of revision 0001 with a key, and an inspection in every state."""
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    step(database, "0001")
    add(database, "api_keys", id="k1", name="Ann", role="reviewer", secret_hash="x", created_at=NOW.strftime(MOMENT))
    inspection(database, "graded", "graded", decision())
    inspection(database, "retake", "retake", None)
    inspection(
        database, "waits", "needs_review", decision(WHY), item={"declared_value": {"amount": 9, "currency": "USD"}}
    )
    expires = (NOW + timedelta(minutes=5)).strftime(MOMENT)
    lease = {"lease_key_id": "k1", "lease_hash": "h" * 64, "lease_expires_at": expires}
    inspection(database, "held", "needs_review", decision(WHY), **lease)
    inspection(database, "decided", "reviewed", decision(WHY), lease_key_id="k1", lease_hash="g" * 64)
    review = {"condition": "used", "reviewer": "Ann", "disposition_source": "policy", "disposition": "{}"}
    moment = (NOW + timedelta(hours=1)).strftime(MOMENT)
    add(database, "reviews", id="r1", inspection_id="decided", decided_at=moment, key_id="k1", **review)
    yield database
    database.close()


def task_of(database: Database, name: str) -> Row[Any] | None:
    with database.read() as connection:
        return connection.execute(select(tasks).where(tasks.c.inspection_id == name)).first()


def test_an_item_that_waits_gets_an_open_task(old: Database) -> None:
    old.migrate()
    found = task_of(old, "waits")
    assert found is not None
    assert (found.kind, found.state, found.created_at, found.reason) == ("unsure", "open", NOW, "value_at_risk")
    assert (found.category, found.seller, found.station, found.value) == ("footwear", "acme", "s1", 9.0)
    assert (found.lease_key_id, found.lease_expires_at, found.done_at) == (None, None, None)


def test_a_lease_that_somebody_holds_stays_theirs(old: Database) -> None:
    old.migrate()
    found = task_of(old, "held")
    assert found is not None
    assert (found.state, found.lease_key_id, found.lease_hash) == ("open", "k1", "h" * 64)
    assert found.lease_expires_at == NOW + timedelta(minutes=5)


def test_a_decided_item_gets_a_task_that_is_done_and_linked_to_its_review(old: Database) -> None:
    old.migrate()
    found = task_of(old, "decided")
    with old.read() as connection:
        review = connection.execute(select(reviews)).one()
    assert found is not None
    assert (found.state, found.done_at, found.lease_hash) == ("done", NOW + timedelta(hours=1), "g" * 64)
    assert (review.task_id, review.kind, review.blind, review.seconds) == (found.id, "unsure", False, None)


def test_items_that_no_human_must_see_get_no_task(old: Database) -> None:
    old.migrate()
    assert task_of(old, "graded") is None
    assert task_of(old, "retake") is None
    with old.read() as connection:
        assert connection.execute(select(inspections.c.sample_share)).scalars().all() == [None] * 5


@pytest.mark.parametrize(
    ("currency", "reasons", "value"),
    [
        ("USD", [], 1000.0),
        ("CNY", [{"code": "converted", "params": {"amount": 140.0, "currency": "USD"}}], 140.0),
        ("CNY", [], None),
    ],
)
def test_the_declared_value_is_kept_in_the_currency_of_the_policy(
    old: Database, currency: str, reasons: list[Any], value: float | None
) -> None:
    item = {"declared_value": {"amount": 1000, "currency": currency}}
    inspection(old, "dear", "needs_review", decision(WHY, reasons=reasons), item=item)
    old.migrate()
    found = task_of(old, "dear")
    assert found is not None
    assert found.value == value


def test_more_inspections_than_are_read_at_once_all_get_their_task(old: Database) -> None:
    others = "station, category, item, result, decision"
    with old.write() as connection:
        for number in range(1003):
            connection.execute(
                text(
                    "INSERT INTO inspections (id, created_at, status, key_id, body_digest, rma, " + others + ") "
                    "SELECT :id, created_at, status, key_id, body_digest, rma, " + others + " FROM inspections "
                    "WHERE id = 'waits'"
                ),
                {"id": f"many{number}"},
            )
    old.migrate()
    with old.read() as connection:
        assert len(connection.execute(select(tasks.c.id)).all()) == 1003 + 3


@pytest.mark.parametrize("change", ["UPDATE reviews SET condition = 'opened'", "DELETE FROM reviews"])
def test_a_decision_can_be_neither_changed_nor_removed(old: Database, change: str) -> None:
    old.migrate()
    with pytest.raises(DBAPIError, match="reviews is append-only"), old.write() as connection:
        connection.execute(text(change))


@pytest.mark.parametrize("change", ["UPDATE audit SET name = 'Bob'", "DELETE FROM audit"])
def test_the_audit_trail_can_be_neither_changed_nor_removed(old: Database, change: str) -> None:
    old.migrate()
    with old.write() as connection:
        connection.execute(audit.insert().values(id="a", at=NOW, action="login", name="Ann"))
    with pytest.raises(DBAPIError, match="audit is append-only"), old.write() as connection:
        connection.execute(text(change))


def test_who_has_seen_an_item_before_the_desk_noted_it_is_found_in_what_was_recorded(old: Database) -> None:
    step(old, "0002")
    claim = {"at": NOW.strftime(MOMENT), "key_id": "k1", "name": "Ann", "action": "claim"}
    for number, (name, kind) in enumerate(
        [("waits", "unsure"), ("waits", "unsure"), ("held", "second"), ("gone", "unsure")]
    ):
        add(old, "audit", id=f"a{number}", inspection_id=name, detail=json.dumps({"kind": kind}), **claim)
    old.migrate()
    with old.read() as connection:
        found = {(row.inspection_id, row.key_id): row.at for row in connection.execute(select(disclosures))}
    assert found == {("waits", "k1"): NOW, ("decided", "k1"): NOW + timedelta(hours=1)}


def test_what_stands_of_old_inspections_is_what_their_lists_are_narrowed_by(old: Database) -> None:
    step(old, "0003")
    with old.write() as connection:
        connection.execute(text("UPDATE inspections SET model_condition = 'opened'"))
    old.migrate()
    columns = (inspections.c.id, inspections.c.condition, inspections.c.disposition, inspections.c.updated_at)
    with old.read() as connection:
        found = {row.id: tuple(row)[1:] for row in connection.execute(select(*columns))}
    assert found["graded"] == found["waits"] == ("opened", "clearance", NOW)
    assert found["retake"] == (None, None, NOW)
    assert found["decided"] == ("used", None, NOW + timedelta(hours=1))  # its disposition is empty here


@pytest.mark.parametrize("used", [True, False])
def test_a_database_that_was_used_before_erasures_is_marked_to_be_written_anew(tmp_path: Path, used: bool) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    step(database, "0008")
    if used:
        add(database, "api_keys", id="k1", name="A", role="station", secret_hash="x", created_at=NOW.strftime(MOMENT))
        inspection(database, "one", "graded", decision())
    database.migrate()
    with database.read() as connection:
        assert connection.execute(select(unfinished_erasures)).all() == ([("",)] if used else [])
    database.close()
