"""Stations: each is a key of that role whose name is its own, and which one tablet holds at a time.

Pairing a tablet gives the key another secret: the tablet before is out at once, and all that refers to the key, items
that wait in a browser under their idempotency keys among it, is the same station's as before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from regrade.serving.access.audit import name_of, record, record_by
from regrade.serving.access.codes import Codes
from regrade.serving.access.keys import NO_SECRET, ApiKey, add_key, new_secret
from regrade.serving.access.names import folded, refuse_alike, taken
from regrade.serving.base.errors import CodeError, NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys, stations

CODE_LIFE: Final = timedelta(minutes=10)

State = Literal["new", "waiting", "paired", "revoked"]


@dataclass(frozen=True, slots=True)
class Station:
    """A station as admins see it. `address` and `user_agent` are those of its tablet when it was paired."""

    id: str
    name: str
    created_at: datetime
    created_by: str
    paired_at: datetime | None
    address: str | None
    user_agent: str | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    code_expires_at: datetime | None
    """Until when a pairing code waits for a tablet; None where none does."""

    @property
    def state(self) -> State:
        """`new` has never had a tablet, `waiting` has a code for its first, `revoked` has none any more."""
        if self.paired_at is not None:
            return "paired" if self.revoked_at is None else "revoked"
        return "waiting" if self.code_expires_at is not None else "new"


class Stations:
    """The stations of one installation. Methods block on the database.

    `by` is who does something: the holder of a key, or the name of an account at the command line.
    """

    def __init__(self, database: Database, codes: Codes, now: Callable[[], datetime] | None = None) -> None:
        self._database, self._codes = database, codes
        self._now = now or (lambda: datetime.now(UTC))

    def all(self) -> Sequence[Station]:
        """All stations by name, those without a tablet included."""
        with self._database.read() as connection:
            return [self._station(row) for row in connection.execute(_rows().order_by(stations.c.folded))]

    def get(self, station_id: str) -> Station:
        """One of them. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return self._get(connection, station_id)

    def named(self, name: str) -> Station:
        """The one of that name, whatever its case. Raises `NotFoundError`."""
        with self._database.read() as connection:
            row = connection.execute(_rows().where(stations.c.folded == folded(name))).first()
        if row is None:
            raise NotFoundError(Message("problem.no_station", {"station": name}))
        return self._station(row)

    def add(self, name: str, by: ApiKey | str) -> Station:
        """Make a station. Raises `AccountError` where the name is taken, or looks like one that is."""
        try:
            with self._database.write() as connection:
                refuse_alike(connection, name, stations.c.key_id)
                _, key = add_key(connection, "station", name, secret=False)
                values = {"key_id": key.id, "folded": folded(name), "created_by": name_of(by)}
                connection.execute(insert(stations).values(values))
                record_by(connection, self._now(), by, "add", {"station": name, "id": key.id})
        except IntegrityError:
            raise taken(name) from None
        return self.get(key.id)

    def rename(self, station_id: str, name: str, by: ApiKey | str) -> Station:
        """Give a station another name, which what comes from now on carries. Raises `NotFoundError` and
        `AccountError` where the name is taken, or looks like one that is."""
        try:
            with self._database.write() as connection:
                before = self._get(connection, station_id)
                refuse_alike(connection, name, stations.c.key_id, station_id)
                connection.execute(_of(station_id).values(folded=folded(name)))
                connection.execute(update(api_keys).where(api_keys.c.id == station_id).values(name=name))
                detail = {"station": name, "id": station_id, "before": before.name}
                record_by(connection, self._now(), by, "rename", detail)
        except IntegrityError:
            raise taken(name) from None
        return self.get(station_id)

    def open_pairing(self, station_id: str, by: ApiKey | str) -> tuple[str, datetime]:
        """A code by which one tablet becomes the station's within `CODE_LIFE`, and until when. One that waited is void;
        the tablet of now goes on until the code is used."""
        code, digest = self._codes.make("pair")
        now = self._now()
        with self._database.write() as connection:
            found = self._get(connection, station_id)
            connection.execute(_of(station_id).values(code_hash=digest, code_expires_at=now + CODE_LIFE))
            record_by(connection, now, by, "invite", {"station": found.name, "id": station_id})
        return code, now + CODE_LIFE

    def pair(self, typed: str, address: str, user_agent: str) -> tuple[str, Station]:
        """Exchange a code for the station's key, once: what the tablet sends from now on. Raises `CodeError`."""
        digest, now = self._codes.digest("pair", typed), self._now()
        valid = (stations.c.code_hash == digest, stations.c.code_expires_at > now)
        with self._database.read() as connection:  # what is wrong takes no turn at writing
            known = digest is not None and connection.execute(select(stations.c.key_id).where(*valid)).scalar()
        if not known:
            raise CodeError(Message("problem.code_wrong"))
        token, secret = new_secret(known)
        tablet = {"paired_at": now, "address": address[:64], "user_agent": user_agent[:200]}
        with self._database.write() as connection:
            used = update(stations).where(*valid).values(**tablet, code_hash=None, code_expires_at=None)
            if not connection.execute(used).rowcount:  # somebody was faster
                raise CodeError(Message("problem.code_wrong"))
            mine = update(api_keys).where(api_keys.c.id == known)
            connection.execute(mine.values(secret_hash=secret, revoked_at=None))
            station = self._get(connection, known)
            key = ApiKey(station.id, station.name, "station", station.created_at, bound=True)
            record(connection, now, key, "pair", detail={"address": address, "user_agent": user_agent[:200]})
        return token, station

    def revoke(self, station_id: str, by: ApiKey | str) -> Station:
        """End the tablet of a station, and void a code that waits. A new code pairs a tablet again."""
        now = self._now()
        with self._database.write() as connection:
            found = self._get(connection, station_id)
            connection.execute(_of(station_id).values(code_hash=None, code_expires_at=None))
            mine = update(api_keys).where(api_keys.c.id == station_id)
            connection.execute(mine.values(secret_hash=NO_SECRET, revoked_at=now))
            record_by(connection, now, by, "revoke", {"station": found.name, "id": station_id})
        return self.get(station_id)

    def _get(self, connection: Connection, station_id: str) -> Station:
        row = connection.execute(_rows().where(stations.c.key_id == station_id)).first()
        if row is None:
            raise NotFoundError(Message("problem.no_station", {"station": station_id[:64]}))
        return self._station(row)

    def _station(self, row: Row[Any]) -> Station:
        waits = row.code_expires_at is not None and row.code_expires_at > self._now()
        return Station(
            row.id,
            row.name,
            row.created_at,
            row.created_by,
            row.paired_at,
            row.address,
            row.user_agent,
            row.last_used_at,
            row.revoked_at,
            row.code_expires_at if waits else None,
        )


def _rows() -> Any:
    return select(api_keys, stations).join_from(stations, api_keys)


def _of(station_id: str) -> Any:
    return update(stations).where(stations.c.key_id == station_id)
