"""How people come in: by an invitation the first time, then by password or passkey."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, update

from regrade.serving.access.audit import record
from regrade.serving.access.codes import Codes
from regrade.serving.access.keys import ApiKey, has_ended, key_of, whose
from regrade.serving.access.names import folded
from regrade.serving.access.people.passwords import checked, hashed, matches
from regrade.serving.base.errors import CodeError, SignInError
from regrade.serving.base.i18n import Message
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys, passkeys, people


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey's public half. `sign_count` is what its authenticator counted last; 0 where it does not count."""

    credential: bytes
    public_key: bytes
    sign_count: int


class SignIn:
    """Checks who somebody is. Methods block on the database, and those on passwords keep a core for a while."""

    def __init__(self, database: Database, codes: Codes, now: Callable[[], datetime] | None = None) -> None:
        self._database, self._codes = database, codes
        self._now = now or (lambda: datetime.now(UTC))

    def by_password(self, name: str, password: str) -> ApiKey:
        """Whoever has this name and password. Raises `SignInError`: after the same time and in the same words whether
        there is nobody of that name or the password is another one."""
        with self._database.read() as connection:
            row = connection.execute(_everybody().where(people.c.folded == folded(name))).first()
        if not matches(password, None if row is None else row.password_hash) or row is None:
            raise SignInError(Message("problem.sign_in_wrong"))
        return self._admitted(row)

    def passkey(self, credential: bytes) -> tuple[ApiKey, Passkey]:
        """Whose passkey it is, and its public half. Raises `SignInError`."""
        with self._database.read() as connection:
            row = connection.execute(_with_passkeys().where(passkeys.c.id == _id(credential))).first()
        if row is None:
            raise SignInError(Message("problem.passkey_unknown"))
        return self._admitted(row), Passkey(credential, _bytes(row.public_key), row.sign_count)

    def used(self, passkey: Passkey) -> None:
        """Keep what a passkey has counted. Raises `SignInError` where somebody has used a copy of it meanwhile."""
        mine = update(passkeys).where(passkeys.c.id == _id(passkey.credential))
        newer = or_(passkeys.c.sign_count < passkey.sign_count, passkeys.c.sign_count == 0)
        with self._database.write() as connection:
            values = {"sign_count": passkey.sign_count, "last_used_at": self._now()}
            if not connection.execute(mine.where(newer).values(values)).rowcount:
                raise SignInError(Message("problem.passkey_wrong"))

    def invited(self, typed: str) -> ApiKey:
        """Whom an invitation is for; it stays open. Raises `CodeError`."""
        with self._database.read() as connection:
            return key_of(self._invited(connection, typed))

    def choose_password(self, typed: str, password: str) -> ApiKey:
        """Use an invitation up for a password. Raises `CodeError`, and `InvalidFieldsError` for a password that will
        not do, after which the invitation is still open."""
        kept = hashed(checked(password, self.invited(typed).name))
        return self._enrol(typed, "password", lambda connection, _: None, password_hash=kept)

    def choose_passkey(self, typed: str, passkey: Passkey) -> ApiKey:
        """Use an invitation up for a passkey. Raises `CodeError`."""

        def keep(connection: Connection, key_id: str) -> None:
            row = {"id": _id(passkey.credential), "key_id": key_id, "created_at": self._now()}
            row |= {"credential": _text(passkey.credential), "public_key": _text(passkey.public_key)}
            connection.execute(insert(passkeys).values(**row, sign_count=passkey.sign_count))

        return self._enrol(typed, "passkey", keep)

    def _enrol(self, typed: str, how: str, keep: Callable[[Connection, str], None], **values: Any) -> ApiKey:
        now = self._now()
        with self._database.write() as connection:
            key = key_of(self._invited(connection, typed))
            waits = (people.c.key_id == key.id, people.c.invite_hash == self._codes.digest("invite", typed))
            used = update(people).where(*waits).values(invite_hash=None, invite_expires_at=None, **values)
            if not connection.execute(used).rowcount:  # somebody was faster
                raise CodeError(Message("problem.invitation_wrong"))
            keep(connection, key.id)
            record(connection, now, key, "enrol", detail={"by": how})
        return key

    def _invited(self, connection: Connection, typed: str) -> Row[Any]:
        now, digest = self._now(), self._codes.digest("invite", typed)
        lasts = or_(people.c.expires_at.is_(None), people.c.expires_at > now)
        open_ = (people.c.invite_hash == digest, people.c.invite_expires_at > now, api_keys.c.revoked_at.is_(None))
        row = digest and connection.execute(_everybody().where(*open_, lasts)).first()
        if not row:
            raise CodeError(Message("problem.invitation_wrong"))
        return row

    def _admitted(self, row: Row[Any]) -> ApiKey:
        """Who has proven who they are. Raises `SignInError` where they may not sign in any more."""
        if has_ended(row, self._now()):
            raise SignInError(Message("problem.person_ended"))
        return key_of(row)


def _everybody() -> Any:
    return whose().add_columns(people.c.password_hash, people.c.expires_at).where(people.c.key_id.is_not(None))


def _with_passkeys() -> Any:
    found = _everybody().join(passkeys, passkeys.c.key_id == api_keys.c.id)
    return found.add_columns(passkeys.c.public_key, passkeys.c.sign_count)


def _id(credential: bytes) -> str:
    return hashlib.sha256(credential).hexdigest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)
