"""Sessions and the brake on logins, without HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from regrade.serving.auth import ApiKey, KeyStore
from regrade.serving.db import Database
from regrade.serving.sessions import LoginBrake, SessionStore
from regrade.serving.tables import sessions


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'test.db'}")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database, clock: Clock) -> SessionStore:
    return SessionStore(database, clock)


@pytest.fixture
def key(database: Database) -> ApiKey:
    return KeyStore(database).create("reviewer", "Ann")[1]


def test_a_session_is_found_by_its_token_alone(store: SessionStore, key: ApiKey) -> None:
    begun = store.begin(key, "192.0.2.1")
    found = store.find(begun.token)
    assert found is not None
    assert (found.key.id, found.csrf) == (key.id, begun.csrf)
    assert store.find(begun.token[:-1]) is None


def test_no_token_is_stored(database: Database, store: SessionStore, key: ApiKey) -> None:
    token = store.begin(key, "192.0.2.1").token
    with database.read() as connection:
        assert token not in str(connection.execute(select(sessions)).all())


def test_a_session_ends_twelve_hours_after_its_last_use(store: SessionStore, key: ApiKey, clock: Clock) -> None:
    token = store.begin(key, "192.0.2.1").token
    for _ in range(3):
        clock.go(hours=11)
        assert store.find(token) is not None
    clock.go(hours=12)
    assert store.find(token) is None


def test_an_ended_session_is_not_found(store: SessionStore, key: ApiKey) -> None:
    session = store.begin(key, "192.0.2.1")
    store.end(session)
    store.end(session)
    assert store.find(session.token) is None


def test_sessions_long_over_are_deleted(database: Database, store: SessionStore, key: ApiKey, clock: Clock) -> None:
    store.begin(key, "192.0.2.1")
    clock.go(days=100)
    store.begin(key, "192.0.2.1")
    with database.read() as connection:
        assert len(connection.execute(select(sessions)).all()) == 1


def test_a_token_vouches_for_its_own_session_alone(store: SessionStore, key: ApiKey) -> None:
    one, other = store.begin(key, "192.0.2.1"), store.begin(key, "192.0.2.1")
    assert one.vouches_for(one.csrf)
    assert not any(one.vouches_for(wrong) for wrong in (other.csrf, "", "ü"))
    assert one.token not in one.csrf
    assert one.token not in repr(one)


def test_failures_make_an_address_wait_longer_and_longer() -> None:
    brake = LoginBrake(lambda: 0.0)
    waits = []
    for _ in range(8):
        waits.append(brake.delay("192.0.2.1"))
        brake.failed("192.0.2.1")
    assert waits == [0, 0.25, 0.5, 1, 2, 4, 4, 4]
    assert brake.delay("192.0.2.2") == 0


def test_success_and_time_end_the_wait() -> None:
    now = [0.0]
    brake = LoginBrake(lambda: now[0])
    brake.failed("a")
    brake.failed("b")
    brake.succeeded("a")
    assert (brake.delay("a"), brake.delay("b")) == (0, 0.25)
    now[0] = 901
    assert brake.delay("b") == 0
    brake.failed("b")
    assert brake.delay("b") == 0.25


def test_the_brake_remembers_a_bounded_number_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoginBrake, "MOST_ADDRESSES", 3)
    brake = LoginBrake(lambda: 0.0)
    for address in "abcd":
        brake.failed(address)
    assert [brake.delay(address) > 0 for address in "abcd"] == [False, True, True, True]
