"""Sessions of people at the desk: begun with a key, a password or a passkey, kept as a hash, ended by time, logout or
the end of the key or of the person's access."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, or_, update

from regrade.serving.access.audit import record
from regrade.serving.access.keys import ApiKey, id_of, key_of, whose
from regrade.serving.base.errors import StorageError
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys, people, sessions

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

    def begin(self, key: ApiKey, address: str, by: str = "key") -> Session:
        """A new session for the holder of `key`, who came from the network address `address` and has shown who they are
        `by` a key, a password, a passkey or an invitation."""
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
            record(connection, now, key, "login", detail={"address": address, "by": by})
        return Session(key, token, now + LIFE)

    def find(self, token: str) -> Session | None:
        """The session of `token`, which lasts on from now; None where it has ended, its key is revoked, or its person's
        access is over."""
        now = self._now()
        mine = sessions.c.token_hash == _hash(token)
        query = whose().add_columns(sessions.c.seen_at, sessions.c.expires_at)
        query = query.join(sessions, sessions.c.key_id == api_keys.c.id)
        lasts = or_(people.c.expires_at.is_(None), people.c.expires_at > now)
        valid = (sessions.c.ended_at.is_(None), sessions.c.expires_at > now, api_keys.c.revoked_at.is_(None))
        with self._database.read() as connection:
            row = connection.execute(query.where(mine, *valid, lasts)).first()
        if row is None:
            return None
        expires_at = row.expires_at
        if now - row.seen_at >= STEP:
            expires_at = now + LIFE
            # Whoever only looks at something need not know that the disk is full.
            with suppress(StorageError), self._database.write(alongside=_hash(token)) as connection:
                connection.execute(update(sessions).where(mine).values(seen_at=now, expires_at=expires_at))
        return Session(key_of(row), token, expires_at)

    def end(self, session: Session) -> None:
        """End a session; one that has ended stays as it is."""
        now = self._now()
        mine = (sessions.c.token_hash == _hash(session.token), sessions.c.ended_at.is_(None))
        with self._database.write() as connection:
            if connection.execute(update(sessions).where(*mine).values(ended_at=now)).rowcount:
                record(connection, now, session.key, "logout")


class LoginBrake:
    """Makes whoever has sent a wrong key wait for the answer, the longer the more have failed before.

    Only what has failed waits, so that nobody with a right key ever does. Failures are counted for each key that was
    meant, at each address: somebody who types a key wrong is not held up by others behind the same address. Where many
    fail at once, whoever they are, all of them wait longest; and only so many wait at a time.
    """

    FORGET_SECONDS = 900.0
    FIRST_SECONDS = 0.25
    LONGEST_SECONDS = 4.0
    MOST_REMEMBERED = 10_000
    MOST_WAITING = 64
    MANY, MANY_SECONDS = 100, 10.0
    """So many failures within such a time are an attack, or a client gone wild."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._recent: deque[float] = deque(maxlen=self.MANY)
        self._waiting = 0

    def failed(self, address: str, token: str) -> float:
        """Note that `token` from `address` was wrong. Seconds for which its answer has to wait."""
        who, now = (address, id_of(token)), self._clock()
        count, at = self._failed.pop(who, (0, now))
        count = 0 if now - at > self.FORGET_SECONDS else count
        self._failed[who] = (count + 1, now)
        if len(self._failed) > self.MOST_REMEMBERED:
            self._failed.popitem(last=False)
        self._recent.append(now)
        if len(self._recent) == self.MANY and now - self._recent[0] < self.MANY_SECONDS:
            return self.LONGEST_SECONDS
        return min(self.LONGEST_SECONDS, self.FIRST_SECONDS * 2.0 ** min(count - 1, 10)) if count else 0.0

    def succeeded(self, address: str, token: str) -> None:
        """Forget the failures of a key at an address."""
        self._failed.pop((address, id_of(token)), None)

    async def wait(self, seconds: float) -> bool:
        """Wait. False, and at once, where too many wait already."""
        if self._waiting >= self.MOST_WAITING:
            return False
        self._waiting += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._waiting -= 1
        return True


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
