"""Who there is: people as admins see and change them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from regrade.serving.access.audit import name_of, record_by
from regrade.serving.access.codes import Codes
from regrade.serving.access.keys import NO_SECRET, ApiKey, Role, add_key, bound_to
from regrade.serving.access.names import folded, refuse_alike, taken
from regrade.serving.base.errors import AccountError, FieldFault, InvalidFieldsError, NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys, passkeys, people, sessions

INVITATION_LIFE: Final = timedelta(days=7)

PersonRole = Literal["reviewer", "engineer", "admin", "seller"]
State = Literal["new", "invited", "active", "expired", "disabled"]


@dataclass(frozen=True, slots=True)
class Person:
    """A person as admins see them. `expires_at` is when their access ends, where it is to."""

    id: str
    name: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    disabled_at: datetime | None
    last_used_at: datetime | None
    has_password: bool
    passkeys: int
    invited_until: datetime | None
    """Until when an invitation waits for them; None where none does."""
    state: State
    sellers: tuple[str, ...] = ()
    """Whose items alone they see, with the role `seller`."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a person; what is None stays. `expires_at` is in a list, so that it can be taken away."""

    name: str | None = None
    role: PersonRole | None = None
    expires_at: tuple[datetime | None] | None = None
    disabled: bool | None = None
    sellers: tuple[str, ...] | None = None

    @property
    def takes_access(self) -> bool:
        """Whether an admin may do less afterwards: what nobody does to themselves, lest they lock themselves out."""
        ends = self.expires_at is not None and self.expires_at[0] is not None
        return self.role not in (None, "admin") or ends or self.disabled is True


class People:
    """The people of one installation. Methods block on the database.

    `by` is who does something: the holder of a key, or the name of an account at the command line.
    """

    def __init__(self, database: Database, codes: Codes, now: Callable[[], datetime] | None = None) -> None:
        self._database, self._codes = database, codes
        self._now = now or (lambda: datetime.now(UTC))

    def all(self) -> Sequence[Person]:
        """All people by name, those who may no longer sign in included."""
        with self._database.read() as connection:
            return [self._person(row) for row in connection.execute(_rows().order_by(people.c.folded))]

    def any(self) -> bool:
        """Whether there is anybody."""
        with self._database.read() as connection:
            return connection.execute(select(people.c.key_id).limit(1)).first() is not None

    def get(self, person_id: str) -> Person:
        """One of them. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return self._get(connection, person_id)

    def named(self, name: str) -> Person:
        """The one of that name, whatever its case. Raises `NotFoundError`."""
        with self._database.read() as connection:
            row = connection.execute(_rows().where(people.c.folded == folded(name))).first()
        if row is None:
            raise NotFoundError(Message("problem.no_person", {"person": name}))
        return self._person(row)

    def add(
        self,
        name: str,
        role: PersonRole,
        expires_at: datetime | None,
        by: ApiKey | str,
        sellers: Sequence[str] = (),
    ) -> Person:
        """Make a person, who is then invited.

        Raises `AccountError` where the name is taken, or looks like one that is; `InvalidFieldsError` where access
        would be over already, or `sellers` do not go with the role.
        """
        self._refuse_past(expires_at)
        bound = bound_to(role, sellers)
        try:
            with self._database.write() as connection:
                refuse_alike(connection, name, people.c.key_id)
                _, key = add_key(connection, role, name, bound, secret=False)
                values = {"key_id": key.id, "folded": folded(name), "created_by": name_of(by), "expires_at": expires_at}
                connection.execute(insert(people).values(values))
                of = {"sellers": list(bound)} if bound else {}
                record_by(connection, self._now(), by, "add", {"person": name, "id": key.id, "role": role, **of})
        except IntegrityError:
            raise taken(name) from None
        return self.get(key.id)

    def change(self, person_id: str, change: Change, by: ApiKey | str) -> Person:
        """Change a person; who is disabled is out at once.

        Raises `NotFoundError`, and `AccountError` where the name is taken, an admin would take access from themselves,
        or nobody could sign in as an admin any more; `InvalidFieldsError` where their access would end in the past, or
        the sellers do not go with the role.
        """
        if change.expires_at is not None:
            self._refuse_past(change.expires_at[0])
        try:
            with self._database.write() as connection:
                before = self._get(connection, person_id)
                if change.name is not None:
                    refuse_alike(connection, change.name, people.c.key_id, person_id)
                if change.takes_access:
                    self._refuse_lockout(connection, before, by)
                self._apply(connection, before, change)
                now = self._now()
                detail = {"person": change.name or before.name, "id": person_id, **_told(before, change)}
                record_by(connection, now, by, "change", detail)
        except IntegrityError:
            raise taken(change.name or "") from None
        return self.get(person_id)

    def invite(self, person_id: str, by: ApiKey | str) -> tuple[str, datetime]:
        """A code by which a person chooses a password or passkey within `INVITATION_LIFE`, and until when.

        What they had before is void, their sessions end, and so does an invitation that waited. Raises `NotFoundError`,
        and `AccountError` as `change` does, and where they are disabled or their access is over: whoever took the code
        would come in nowhere.
        """
        code, digest = self._codes.make("invite")
        now = self._now()
        with self._database.write() as connection:
            found = self._get(connection, person_id)
            if found.disabled_at is not None:
                raise AccountError(Message("problem.person_disabled", {"person": found.name}))
            if found.expires_at is not None and found.expires_at <= now:
                at = found.expires_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
                raise AccountError(Message("problem.person_expired", {"person": found.name, "at": at}))
            self._refuse_lockout(connection, found, by)
            waits = {"invite_hash": digest, "invite_expires_at": now + INVITATION_LIFE, "password_hash": None}
            connection.execute(update(people).where(people.c.key_id == person_id).values(waits))
            connection.execute(delete(passkeys).where(passkeys.c.key_id == person_id))
            end_sessions(connection, person_id, now)
            record_by(connection, now, by, "invite", {"person": found.name, "id": person_id})
        return code, now + INVITATION_LIFE

    def _apply(self, connection: Connection, before: Person, change: Change) -> None:
        now = self._now()
        key: dict[str, Any] = {}
        row: dict[str, Any] = {}
        if change.name is not None:
            key["name"], row["folded"] = change.name, folded(change.name)
        if change.role is not None or change.sellers is not None:
            role = change.role or before.role
            kept = before.sellers if role == "seller" else ()
            bound = bound_to(role, kept if change.sellers is None else change.sellers)
            key |= {"role": role, "sellers": list(bound) or None}
        if change.expires_at is not None:
            row["expires_at"] = change.expires_at[0]
        if change.disabled is not None:
            key["revoked_at"] = (before.disabled_at or now) if change.disabled else None
            if change.disabled:
                row |= {"invite_hash": None, "invite_expires_at": None}
                end_sessions(connection, before.id, now)
        if key:
            connection.execute(update(api_keys).where(api_keys.c.id == before.id).values(key))
        if row:
            connection.execute(update(people).where(people.c.key_id == before.id).values(row))

    def _refuse_past(self, expires_at: datetime | None) -> None:
        if expires_at is not None and expires_at <= self._now():
            fault = FieldFault("expires_at", Message("fault.past"))
            raise InvalidFieldsError("invalid-request", "request", [fault])

    def _refuse_lockout(self, connection: Connection, found: Person, by: ApiKey | str) -> None:
        if isinstance(by, ApiKey) and by.id == found.id:
            raise AccountError(Message("problem.not_oneself"))
        counts = found.role == "admin" and found.state == "active"
        if counts and not self._other_admins(connection, found.id):
            raise AccountError(Message("problem.last_admin", {"person": found.name}))

    def _other_admins(self, connection: Connection, person_id: str) -> bool:
        """Whether somebody else can sign in as an admin: by a key, a password or a passkey."""
        has_passkey = exists().where(passkeys.c.key_id == api_keys.c.id).correlate(api_keys)
        lasts = or_(people.c.expires_at.is_(None), people.c.expires_at > self._now())
        by_name = people.c.key_id.is_not(None) & lasts & or_(people.c.password_hash.is_not(None), has_passkey)
        query = select(api_keys.c.id).outerjoin(people, people.c.key_id == api_keys.c.id).limit(1)
        others = (api_keys.c.id != person_id, api_keys.c.role == "admin", api_keys.c.revoked_at.is_(None))
        found = query.where(*others, or_(api_keys.c.secret_hash != NO_SECRET, by_name))
        return connection.execute(found).first() is not None

    def _get(self, connection: Connection, person_id: str) -> Person:
        row = connection.execute(_rows().where(people.c.key_id == person_id)).first()
        if row is None:
            raise NotFoundError(Message("problem.no_person", {"person": person_id[:64]}))
        return self._person(row)

    def _person(self, row: Row[Any]) -> Person:
        now = self._now()
        invited = row.invite_expires_at if row.invite_expires_at is not None and row.invite_expires_at > now else None
        state: State = "new" if invited is None else "invited"
        if row.revoked_at is not None:
            state = "disabled"
        elif row.expires_at is not None and row.expires_at <= now:
            state = "expired"
        elif row.password_hash is not None or row.passkeys:
            state = "active"
        return Person(
            row.id,
            row.name,
            row.role,
            row.created_at,
            row.created_by,
            row.expires_at,
            row.revoked_at,
            row.last_used_at,
            row.password_hash is not None,
            row.passkeys,
            invited,
            state,
            tuple(row.sellers or ()),
        )


def end_sessions(connection: Connection, key_id: str, now: datetime) -> None:
    """End all sessions of somebody."""
    theirs = (sessions.c.key_id == key_id, sessions.c.ended_at.is_(None))
    connection.execute(update(sessions).where(*theirs).values(ended_at=now))


def _rows() -> Any:
    count = select(func.count()).where(passkeys.c.key_id == people.c.key_id).correlate(people).scalar_subquery()
    return select(api_keys, people, count.label("passkeys")).join_from(people, api_keys)


def _told(before: Person, change: Change) -> dict[str, Any]:
    """What the audit trail says of a change."""
    told: dict[str, Any] = {}
    if change.name is not None and change.name != before.name:
        told["before"] = before.name
    if change.role is not None:
        told["role"] = change.role
    if change.sellers is not None and change.sellers != before.sellers:
        told["sellers"] = list(change.sellers)
    if change.expires_at is not None:
        told["expires_at"] = change.expires_at[0].isoformat() if change.expires_at[0] else None
    if change.disabled is not None:
        told["disabled"] = change.disabled
    return told
