"""Stations: one key each, which one tablet holds at a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from regrade.serving.access.codes import Codes
from regrade.serving.access.keys import KeyStore
from regrade.serving.access.last_used import LastUsed
from regrade.serving.access.stations import CODE_LIFE, Stations
from regrade.serving.base.errors import AccountError, CodeError, NotFoundError
from regrade.serving.storage.database import Database
from tests.serving.access.clock import Clock

BY = "root"
AGENT = "Mozilla/5.0 (Linux; Android 14) Chrome/140"


@pytest.fixture
def stations(database: Database, clock: Clock, tmp_path: Path) -> Stations:
    return Stations(database, Codes.load(tmp_path / "keys"), clock)


def paired(stations: Stations, station_id: str) -> str:
    """The key of a tablet that is paired now."""
    code, _ = stations.open_pairing(station_id, BY)
    return stations.pair(code, "192.0.2.7", AGENT)[0]


def test_a_station_has_no_tablet_until_one_is_paired(stations: Stations, database: Database) -> None:
    made = stations.add("LA-07", BY)
    assert (made.state, made.created_by) == ("new", "root (cli)")
    assert KeyStore(database).authenticate(f"rg_{made.id}_!") is None
    code, until = stations.open_pairing(made.id, BY)
    assert stations.get(made.id).state == "waiting"
    assert until - stations._now() == CODE_LIFE
    token, station = stations.pair(code, "192.0.2.7", AGENT)
    assert (station.state, station.address, station.user_agent) == ("paired", "192.0.2.7", AGENT)
    key = KeyStore(database).authenticate(token)
    assert key is not None
    assert (key.id, key.name, key.role, key.bound) == (made.id, "LA-07", "station", True)


def test_names_are_unique_whatever_their_case_and_form(stations: Stations) -> None:
    stations.add("Bench Ä", BY)
    for name in ("bench ä", "BENCH A\u0308", "ｂｅｎｃｈ Ä"):
        with pytest.raises(AccountError, match="taken"):
            stations.add(name, BY)
    other = stations.add("Bench 2", BY)
    with pytest.raises(AccountError, match="taken"):
        stations.rename(other.id, "bench ä", BY)
    assert stations.get(other.id).name == "Bench 2"
    assert stations.rename(other.id, "BENCH 2", BY).name == "BENCH 2"
    assert len(stations.all()) == 2


@pytest.mark.parametrize(
    "name",
    [
        *("Dock O7", "D\u043eck 07", "DOCK\u00a0 07", "D\u03bfck 07", "\uff24ock 07"),
        *("Bench\u20112", "bench\u22122", "B\u0435nch-2", "Gate l", "Gate I", "gate \u0406", "\u0406van", "\u0456van"),
    ],
)
def test_a_name_that_looks_like_another_is_refused(stations: Stations, name: str) -> None:
    for there in ("Dock 07", "Bench-2", "Gate 1", "Ivan"):
        stations.add(there, BY)
    with pytest.raises(AccountError, match=r"looks like|taken"):
        stations.add(name, BY)
    other = stations.add("LA-01", BY)
    with pytest.raises(AccountError, match=r"looks like|taken"):
        stations.rename(other.id, name, BY)
    assert stations.rename(other.id, "LA-O1", BY).name == "LA-O1"  # nobody else's, however it looks


def test_names_that_can_be_told_apart_are_fine(stations: Stations) -> None:
    for name in ("LA-1", "LA-2", "LA-11", "LA-7", "Ila", "Lia", "李安", "李按", "Анна", "Bo", "Bob"):
        stations.add(name, BY)


def test_a_code_is_good_once(stations: Stations) -> None:
    code, _ = stations.open_pairing(stations.add("LA-07", BY).id, BY)
    stations.pair(code, "", "")
    with pytest.raises(CodeError):
        stations.pair(code, "", "")


def test_a_code_expires_and_a_newer_one_takes_its_place(stations: Stations, clock: Clock) -> None:
    station = stations.add("LA-07", BY)
    replaced, _ = stations.open_pairing(station.id, BY)
    late, _ = stations.open_pairing(station.id, BY)
    with pytest.raises(CodeError):
        stations.pair(replaced, "", "")
    clock.now += CODE_LIFE
    with pytest.raises(CodeError):
        stations.pair(late, "", "")
    assert stations.get(station.id).state == "new"


def test_another_tablet_takes_the_place_of_the_one_before(stations: Stations, database: Database) -> None:
    station, keys = stations.add("LA-07", BY), KeyStore(database)
    first = paired(stations, station.id)
    code, _ = stations.open_pairing(station.id, BY)
    assert keys.authenticate(first) is not None
    second, _ = stations.pair(code, "", "")
    assert keys.authenticate(first) is None
    found = keys.authenticate(second)
    assert found is not None
    assert found.id == station.id


def test_a_revoked_tablet_is_out_at_once_and_its_station_can_be_paired_again(
    stations: Stations, database: Database
) -> None:
    station, keys = stations.add("LA-07", BY), KeyStore(database)
    token, (code, _) = paired(stations, station.id), stations.open_pairing(station.id, BY)
    assert stations.revoke(station.id, BY).state == "revoked"
    assert keys.authenticate(token) is None
    with pytest.raises(CodeError):
        stations.pair(code, "", "")
    assert keys.authenticate(paired(stations, station.id)) is not None
    assert keys.authenticate(token) is None
    assert stations.get(station.id).state == "paired"


def test_no_code_is_stored(stations: Stations, tmp_path: Path) -> None:
    code, _ = stations.open_pairing(stations.add("LA-07", BY).id, BY)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("test.db*"))
    assert code.encode() not in stored
    assert code.replace("-", "").encode() not in stored


def test_a_station_that_is_not_there_is_not_found(stations: Stations) -> None:
    with pytest.raises(NotFoundError):
        stations.open_pairing("nothing", BY)
    with pytest.raises(NotFoundError):
        stations.named("nothing")


def test_plain_keys_are_bound_to_no_station(database: Database) -> None:
    token, _ = KeyStore(database).create("station", "bench 1")
    key = KeyStore(database).authenticate(token)
    assert key is not None
    assert not key.bound


def test_the_first_admin_key_is_made_although_there_are_stations(stations: Stations, database: Database) -> None:
    stations.add("LA-07", BY)
    assert KeyStore(database).create_first() is not None
    assert KeyStore(database).create_first() is None


def test_when_a_key_was_used_is_written_when_somebody_asks(stations: Stations, database: Database) -> None:
    station, used = stations.add("LA-07", BY), LastUsed(database)
    used.note(station.id)
    assert stations.get(station.id).last_used_at is None
    used.flush()
    at = stations.get(station.id).last_used_at
    assert at is not None
    assert datetime.now(UTC) - at < timedelta(minutes=1)
