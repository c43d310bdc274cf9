"""What is kept for how long: refused where it is unsafe, and done by the service without being asked."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from sqlalchemy import update

from regrade.serving.base.errors import SettingsError
from regrade.serving.base.retention_rules import STATUSES, parse_rules, written
from regrade.serving.base.settings import Settings, load_settings
from regrade.serving.storage.records import Status
from regrade.serving.storage.tables import inspections


def age(service: Any, inspection_id: str, days: int, status: str | None = None) -> None:
    """Let an inspection have come in so many days ago."""
    with service.runtime.database.write() as connection:
        values: dict[str, Any] = {"created_at": datetime.now(UTC) - timedelta(days=days)}
        values |= {} if status is None else {"status": status}
        connection.execute(update(inspections).where(inspections.c.id == inspection_id).values(values))


def wait_for(done: Callable[[], bool]) -> None:
    """At most some seconds, also on a busy machine."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nothing_is_erased_unless_it_is_set() -> None:
    assert Settings(_env_file=None).retention_rules == {}


def test_rules_name_a_status_and_days() -> None:
    rules = parse_rules(" reviewed=365d, graded = 180d,retake=30d")
    assert {status: kept.days for status, kept in rules.items()} == {"reviewed": 365, "graded": 180, "retake": 30}
    assert parse_rules(written(rules)) == rules


def test_rules_know_every_status() -> None:
    assert set(STATUSES) == set(get_args(Status))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("365d", "what is not named is kept"),
        ("all=30d", "what is not named is kept"),
        ("*=30d", "what is not named is kept"),
        ("reviewed=1y", "what is not named is kept"),
        ("reviewed=-1d", "what is not named is kept"),
        ("reviewed=30d,", "what is not named is kept"),
        ("reviewed=0d", "write 1 to 36500 days"),
        ("reviewed=99999d", "write 1 to 36500 days"),
        ("reviewed=30d,reviewed=60d", "two rules for reviewed"),
    ],
)
def test_rules_that_are_unsafe_or_wrong_are_refused(wrong: str, words: str) -> None:
    with pytest.raises(SettingsError, match=rf"REGRADE_RETENTION: .*{words}"):
        load_settings(retention=wrong)


def test_the_service_erases_what_is_old_enough_and_nothing_else(serve: Any, photo: bytes, render_photo: Any) -> None:
    service = serve()
    old, young, waits = (service.post([render_photo(n)], {"rma": f"R{n}"}).json()["id"] for n in range(3))
    with service.runtime.database.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM tasks WHERE inspection_id IN ('{old}', '{young}')")
    for inspection_id, days, status in ((old, 31, "graded"), (young, 29, "graded"), (waits, 400, None)):
        age(service, inspection_id, days, status)
    service.stop()
    again = serve(service.settings.data_dir, retention="graded=30d,reviewed=30d,retake=30d")
    wait_for(lambda: again.runtime.inspections.get(old).erased is not None)
    wait_for(lambda: len(again.files()) == 2)
    assert [again.runtime.inspections.get(one).erased for one in (young, waits)] == [None, None]
    erased = again.client.get(f"/v1/inspections/{old}").json()["erased"]
    assert (erased["by"], erased["reason"]) == ("retention", "graded=30d,reviewed=30d,retake=30d")
    assert 'regrade_erased_total{by="retention"} 1.0' in again.client.get("/metrics").text


def due(service: Any, rules: str) -> list[str]:
    """What the rules would have erased now."""
    from datetime import UTC, datetime

    from regrade.serving.erasure.retention import Due
    from regrade.serving.inspections.selection import preview

    meant = Due(parse_rules(rules), datetime.now(UTC))
    with service.runtime.database.read() as connection:
        found = list(meant.first(connection, 10))
        assert preview(connection, meant).inspections == len(found)
    return found


def test_what_waits_for_a_human_is_erased_only_where_that_is_named(service: Any, photo: bytes) -> None:
    made = service.post([photo]).json()
    age(service, made["id"], 100)
    assert due(service, "graded=30d,reviewed=30d,retake=30d") == []
    assert due(service, "needs_review=200d") == []
    assert due(service, "needs_review=30d") == [made["id"]]


def test_an_item_that_is_owed_a_further_look_counts_as_one_that_waits(service: Any, photo: bytes) -> None:
    made = service.post([photo]).json()
    age(service, made["id"], 100, "reviewed")  # decided once, and a second look is still open
    assert due(service, "reviewed=30d") == []
    assert due(service, "reviewed=30d,needs_review=90d") == [made["id"]]
