"""Sessions and the brake on logins, without HTTP."""

import asyncio

import pytest
from sqlalchemy import select

from regrade.serving.access.credentials import AT_ONCE, Lookups
from regrade.serving.access.keys import ApiKey, KeyStore
from regrade.serving.access.sessions import LoginBrake, SessionStore
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import sessions
from tests.serving.access.clock import Clock


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


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def brake(now: list[float]) -> LoginBrake:
    return LoginBrake(lambda: now[0])


def test_whoever_sends_wrong_keys_waits_longer_and_longer(brake: LoginBrake) -> None:
    waits = [brake.failed("192.0.2.1", "rg_one_x") for _ in range(8)]
    assert waits == [0, 0.25, 0.5, 1, 2, 4, 4, 4]


def test_others_behind_the_same_address_do_not_wait(brake: LoginBrake) -> None:
    for _ in range(8):
        brake.failed("192.0.2.1", "rg_one_x")
    assert brake.failed("192.0.2.1", "rg_other_x") == 0
    assert brake.failed("192.0.2.2", "rg_one_x") == 0
    assert brake.failed("192.0.2.1", "what has not the form of a key") == 0


def test_success_and_time_end_the_wait(brake: LoginBrake, now: list[float]) -> None:
    for token in ("rg_a_x", "rg_b_x") * 3:
        brake.failed("here", token)
    brake.succeeded("here", "rg_a_right")
    assert (brake.failed("here", "rg_a_x"), brake.failed("here", "rg_b_x")) == (0, 1)
    now[0] = 1000
    assert brake.failed("here", "rg_b_x") == 0


def test_where_many_fail_at_once_all_of_them_wait_longest(brake: LoginBrake, now: list[float]) -> None:
    waits = [brake.failed(f"192.0.2.{number}", f"rg_{number}_x") for number in range(LoginBrake.MANY)]
    assert (waits[0], waits[-1]) == (0, LoginBrake.LONGEST_SECONDS)
    now[0] = LoginBrake.MANY_SECONDS
    assert brake.failed("192.0.2.200", "rg_200_x") == 0


def test_the_brake_remembers_a_bounded_number_of_keys(brake: LoginBrake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoginBrake, "MOST_REMEMBERED", 3)
    for name in "abcd":
        brake.failed("here", f"rg_{name}_x")
    assert [brake.failed("here", f"rg_{name}_x") for name in "da"] == [0.25, 0]


def test_only_so_many_wait_at_a_time(brake: LoginBrake) -> None:
    async def wait_for(count: int) -> list[bool]:
        return await asyncio.gather(*(brake.wait(0.01) for _ in range(count)))

    assert asyncio.run(wait_for(LoginBrake.MOST_WAITING + 1)).count(False) == 1
    assert asyncio.run(wait_for(2)) == [True, True]


class Door:
    """What `Lookups` asks: one secret is right; counts how often and by how many at once it was asked."""

    def __init__(self) -> None:
        self.right = {"right"}
        self.asked, self.now, self.most = 0, 0, 0

    async def find(self, secret: str) -> str | None:
        self.asked, self.now = self.asked + 1, self.now + 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        self.now -= 1
        return secret if secret in self.right else None


def test_a_wrong_secret_is_looked_up_once_and_a_right_one_each_time() -> None:
    door = Door()
    lookups = Lookups(door.find)

    async def ask() -> list[str | None]:
        return [await lookups(secret) for secret in ("wrong", "wrong", "right", "right")]

    assert asyncio.run(ask()) == [None, None, "right", "right"]
    assert door.asked == 3


def test_a_secret_that_is_revoked_is_wrong_at_once() -> None:
    door = Door()
    lookups = Lookups(door.find)
    assert asyncio.run(lookups("right"))
    door.right.clear()
    assert asyncio.run(lookups("right")) is None


def test_a_right_secret_does_not_wait_for_wrong_ones() -> None:
    door = Door()
    lookups = Lookups(door.find)

    async def ask() -> int:
        await lookups("right")
        flood = [asyncio.create_task(lookups(f"wrong {number}")) for number in range(200)]
        await asyncio.sleep(0)
        await lookups("right")
        done = sum(task.done() for task in flood)
        await asyncio.gather(*flood)
        return done

    assert asyncio.run(ask()) < 20
    assert door.most <= AT_ONCE + 1
