"""API keys: how they are made, kept and checked, and what each role may do."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from sqlalchemy import Row, insert, select, update

from regrade.serving.base.errors import NotFoundError
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys

Role = Literal["station", "reviewer", "engineer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

PREFIX = "rg"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. `name` says whose it is, `role` what its holder may do."""

    id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None = None

    def may(self, *roles: Role) -> bool:
        """Whether the holder has one of `roles`; an admin has them all."""
        return self.role == "admin" or self.role in roles


class KeyStore:
    """The keys of one installation. Methods block on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, role: Role, name: str) -> tuple[str, ApiKey]:
        """Make a key. The first return value is what its holder sends; it is kept nowhere."""
        with self._database.write() as connection:
            token, key, row = _new_key(role, name)
            connection.execute(insert(api_keys).values(row))
        return token, key

    def create_first(self) -> str | None:
        """Make an admin key if there is no key at all, and return what its holder sends."""
        if self.all_keys():  # without a write, for which a full disk may have no room
            return None
        with self._database.write() as connection:
            if connection.execute(select(api_keys.c.id).limit(1)).first() is not None:
                return None
            token, _, row = _new_key("admin", "first")
            connection.execute(insert(api_keys).values(row))
        return token

    def all_keys(self) -> list[ApiKey]:
        """All keys, oldest first, the revoked ones included."""
        with self._database.read() as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id))
            return [_key(row) for row in rows]

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
            row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
        # Compared even where there is no such key, so that the time taken does not tell.
        expected = row.secret_hash if row is not None else hash_secret("")
        if not hmac.compare_digest(hash_secret(secret), expected) or row is None or row.revoked_at is not None:
            return None
        return _key(row)


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


def _new_key(role: Role, name: str) -> tuple[str, ApiKey, dict[str, object]]:
    key = ApiKey(secrets.token_hex(6), name, role, datetime.now(UTC))
    secret = secrets.token_urlsafe(32)
    row = {
        "id": key.id,
        "name": name,
        "role": role,
        "secret_hash": hash_secret(secret),
        "created_at": key.created_at,
    }
    return f"{PREFIX}_{key.id}_{secret}", key, row


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(row.id, row.name, row.role, row.created_at, row.revoked_at)
