"""API keys: how they are made, kept and checked, and what each role may do."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import Connection, Row, Select, insert, select, update

from regrade.serving.base.errors import FieldFault, InvalidFieldsError, NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys, people, stations

Staff = Literal["station", "reviewer", "engineer", "admin"]
Role = Literal["station", "reviewer", "engineer", "admin", "seller"]
STAFF: tuple[Staff, ...] = get_args(Staff)
"""Those who run the place, and may see whatever is nobody's secret."""
ROLES: tuple[Role, ...] = get_args(Role)

PREFIX = "rg"

MOST_SELLERS: Final = 50
"""That one key or person may be bound to."""

NO_SECRET = "!"
"""In place of a hash: no secret has it."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. `name` says whose it is, `role` what its holder may do.

    `bound`: it is a station's, and what is sent with it is of the station `name`. `person`: it is that of somebody who
    signs in by name, and nobody holds a secret of it. `sellers`: whose items alone its holder sees, with the role
    `seller`.
    """

    id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None = None
    bound: bool = False
    person: bool = False
    sellers: tuple[str, ...] = ()

    def may(self, *roles: Role) -> bool:
        """Whether the holder has one of `roles`; an admin has them all."""
        return self.role == "admin" or self.role in roles

    @property
    def sees(self) -> tuple[str, ...] | None:
        """The sellers whose rows alone its holder sees; None: everybody's."""
        return self.sellers if self.role == "seller" else None


class KeyStore:
    """The keys of one installation. Methods block on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, role: Role, name: str, sellers: Sequence[str] = ()) -> tuple[str, ApiKey]:
        """Make a key. The first return value is what its holder sends; it is kept nowhere.

        `sellers` are those that a key of the role `seller` sees. Raises `InvalidFieldsError` where it has none, or
        another role has some.
        """
        bound = bound_to(role, sellers)
        with self._database.write() as connection:
            token, key = add_key(connection, role, name, bound)
        return token, key

    def create_first(self) -> str | None:
        """Make an admin key if there is no key at all, and return what its holder sends."""
        # Stations and people that a command made before the first start do not open anything yet.
        plain = select(api_keys.c.id).where(
            api_keys.c.id.not_in(select(stations.c.key_id)), api_keys.c.id.not_in(select(people.c.key_id))
        )
        with self._database.read() as connection:  # without a write, for which a full disk may have no room
            if connection.execute(plain.limit(1)).first() is not None:
                return None
        with self._database.write() as connection:
            if connection.execute(plain.limit(1)).first() is not None:
                return None
            token, _ = add_key(connection, "admin", "first")
        return token

    def all_keys(self) -> list[ApiKey]:
        """All keys, oldest first, the revoked ones included."""
        with self._database.read() as connection:
            rows = connection.execute(whose().order_by(api_keys.c.created_at, api_keys.c.id))
            return [key_of(row) for row in rows]

    def revoke(self, key_id: str) -> None:
        """Make a key useless from now on. Raises `NotFoundError` for an unknown or revoked one."""
        change = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        with self._database.write() as connection:
            if connection.execute(change.values(revoked_at=datetime.now(UTC))).rowcount == 0:
                raise NotFoundError(f"No valid key has the id {key_id}. `regrade keys list` shows them.")

    def authenticate(self, token: str) -> ApiKey | None:
        """The key that `token` stands for, or None when it is unknown, wrong or revoked."""
        prefix, _, rest = token.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != PREFIX or not key_id or not secret or not token.isascii():
            return None
        with self._database.read() as connection:
            row = connection.execute(whose().where(api_keys.c.id == key_id)).first()
        # Compared even where there is no such key, so that the time taken does not tell.
        expected = row.secret_hash if row is not None else hash_secret("")
        if not hmac.compare_digest(hash_secret(secret), expected) or row is None or row.revoked_at is not None:
            return None
        return key_of(row)


def id_of(token: str) -> str:
    """The id of the key that `token` means, right or wrong; empty where it has not the form of one."""
    prefix, _, rest = token.partition("_")
    return rest.partition("_")[0] if prefix == PREFIX else ""


def hash_secret(secret: str) -> str:
    """SHA-256 of a secret, in hex.

    A slow, salted hash protects passwords because people choose guessable ones. These secrets are 256 random
    bits: nobody can go through them, equal ones do not occur, and a fast hash keeps every request fast.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def bound_to(role: Role, sellers: Sequence[str]) -> tuple[str, ...]:
    """The sellers that somebody of `role` is bound to. Raises `InvalidFieldsError` for a role `seller` without any, or
    too many, and for another role with some."""
    found = tuple(dict.fromkeys(sellers))
    if (role == "seller") == bool(found) and len(found) <= MOST_SELLERS:
        return found
    fault = Message("fault.sellers_needed" if role == "seller" else "fault.sellers_unfit", {"most": MOST_SELLERS})
    raise InvalidFieldsError("invalid-request", "request", [FieldFault("sellers", fault)])


def add_key(
    connection: Connection, role: Role, name: str, sellers: Sequence[str] = (), *, secret: bool = True
) -> tuple[str, ApiKey]:
    """Store a new key, and what its holder sends; without a `secret` that opens nothing."""
    key = ApiKey(secrets.token_hex(6), name, role, datetime.now(UTC), sellers=tuple(sellers))
    token, digest = new_secret(key.id)
    row = {"id": key.id, "name": name, "role": role, "created_at": key.created_at, "sellers": list(sellers) or None}
    connection.execute(insert(api_keys).values(**row, secret_hash=digest if secret else NO_SECRET))
    return token, key


def new_secret(key_id: str) -> tuple[str, str]:
    """What the holder of a key sends from now on, and the hash of it that is kept."""
    secret = secrets.token_urlsafe(32)
    return f"{PREFIX}_{key_id}_{secret}", hash_secret(secret)


def whose() -> Select[Any]:
    """Asks for keys, with whether each is a station's or a person's; see `key_of`."""
    kinds = (stations.c.key_id.label("station_key"), people.c.key_id.label("person_key"))
    found = select(api_keys, *kinds).outerjoin(stations, stations.c.key_id == api_keys.c.id)
    return found.outerjoin(people, people.c.key_id == api_keys.c.id)


def has_ended(row: Row[Any], now: datetime) -> bool:
    """Whether the key in a row opens nothing any more: it is revoked, or its person's access is over (`expires_at`)."""
    return row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now)


def key_of(row: Row[Any]) -> ApiKey:
    """The key in a row of `whose`."""
    bound, person = row.station_key is not None, row.person_key is not None
    sellers = tuple(row.sellers or ())
    return ApiKey(row.id, row.name, row.role, row.created_at, row.revoked_at, bound, person, sellers)
