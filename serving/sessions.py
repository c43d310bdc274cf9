"""Sessions of people at the desk: begun with an API key, kept as a hash, ended by time, logout or the key's end."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select, update

from regrade.serving.auth import ApiKey
from regrade.serving.db import Database
from regrade.serving.errors import StorageError
from regrade.serving.review.audit import record
from regrade.serving.tables import api_keys, sessions

LIFE = timedelta(hours=12)
"""How long a session lasts from the last time it was used."""

STEP = timedelta(minutes=1)
"""A session's use is written down at most this often: a request that only reads should not wait for the disk."""

KEPT = timedelta(days=90)
"""Ended sessions are deleted after this long; who came and went stays in the audit trail."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody at the desk. `token` is what the cookie holds and is stored nowhere."""

    key: ApiKey
    token: str = field(repr=False)
    expires_at: datetime

    @property
    def csrf(self) -> str:
        """What every request that changes something must repeat: bound to the session, and no way back to its token."""
        return hmac.new(self.token.encode(), b"regrade desk csrf", hashlib.sha256).hexdigest()

    def vouches_for(self, csrf: str) -> bool:
        """Whether `csrf` is the one of this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


class SessionStore:
    """The sessions of one installation. Methods block on the database."""

    def __init__(self, database: Database, now: Callable[[], datetime] | None = None) -> None:
        self._database = database
        self._now = now or (lambda: datetime.now(UTC))

    def begin(self, key: ApiKey, address: str) -> Session:
        """A new session for the holder of `key`, who came from the network address `address`."""
        now, token = self._now(), secrets.token_urlsafe(32)
        row = {
            "token_hash": _hash(token),
            "key_id": key.id,
            "created_at": now,
            "seen_at": now,
            "expires_at": now + LIFE,
        }
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at < now - KEPT))
            connection.execute(insert(sessions).values(row))
            record(connection, now, key, "login", detail={"address": address})
        return Session(key, token, now + LIFE)

    def find(self, token: str) -> Session | None:
        """The session of `token`, which lasts on from now; None where it has ended or its key is revoked."""
        now = self._now()
        mine = sessions.c.token_hash == _hash(token)
        query = select(sessions.c.seen_at, sessions.c.expires_at, api_keys).join_from(sessions, api_keys)
        valid = (sessions.c.ended_at.is_(None), sessions.c.expires_at > now, api_keys.c.revoked_at.is_(None))
        with self._database.read() as connection:
            row = connection.execute(query.where(mine, *valid)).first()
        if row is None:
            return None
        expires_at = row.expires_at
        if now - row.seen_at >= STEP:
            expires_at = now + LIFE
            # Whoever only looks at something need not know that the disk is full.
            with suppress(StorageError), self._database.write() as connection:
                connection.execute(update(sessions).where(mine).values(seen_at=now, expires_at=expires_at))
        return Session(ApiKey(row.id, row.name, row.role, row.created_at), token, expires_at)

    def end(self, session: Session) -> None:
        """End a session; one that has ended stays as it is."""
        now = self._now()
        mine = (sessions.c.token_hash == _hash(session.token), sessions.c.ended_at.is_(None))
        with self._database.write() as connection:
            if connection.execute(update(sessions).where(*mine).values(ended_at=now)).rowcount:
                record(connection, now, session.key, "logout")


class LoginBrake:
    """Makes each attempt to log in wait longer the more have failed from the same address.

    Keys cannot be guessed; this keeps a wrong or hostile client from hammering the database.
    """

    FORGET_SECONDS = 900.0
    FIRST_SECONDS = 0.25
    LONGEST_SECONDS = 4.0
    MOST_ADDRESSES = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def delay(self, address: str) -> float:
        """Seconds that an attempt from `address` has to wait now."""
        failures, at = self._failed.get(address, (0, 0.0))
        if failures == 0 or self._clock() - at > self.FORGET_SECONDS:
            return 0.0
        return min(self.LONGEST_SECONDS, self.FIRST_SECONDS * 2.0 ** min(failures - 1, 10))

    async def wait(self, address: str) -> None:
        """Wait as long as an attempt from `address` has to."""
        if (seconds := self.delay(address)) > 0:
            await asyncio.sleep(seconds)

    def failed(self, address: str) -> None:
        """Note a failure."""
        failures = self._failed.pop(address, (0, 0.0))[0] if self.delay(address) else 0
        self._failed[address] = (failures + 1, self._clock())
        while len(self._failed) > self.MOST_ADDRESSES:
            self._failed.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the failures of an address."""
        self._failed.pop(address, None)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
