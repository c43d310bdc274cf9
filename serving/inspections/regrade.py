"""A new revision of an inspection: what was is kept beside it, and the desk's task follows it. One transaction.

What is open at the desk follows the new revision:

- It needs a look, or somebody has asked about the item: the task of the old one waits on, under its place in the
  queue, and a blind look that had been drawn becomes one.
- It needs none: a task that nobody had taken up is closed, and a blind look stays drawn; the lot is the same.
- Photos must be taken again: the task waits for the station.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from regrade.serving.access.audit import record
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.dispositions import Reason
from regrade.serving.base.errors import RevisionError
from regrade.serving.base.i18n import Message
from regrade.serving.evidence import Provenance, Signer, append_step, begin
from regrade.serving.evidence.statements import regraded
from regrade.serving.inspections.past import revision_of
from regrade.serving.inspections.store import (
    DuplicateKeyError,
    FirstLooks,
    columns_of,
    find,
    photo_rows,
    task_row,
)
from regrade.serving.outbox.writer import note
from regrade.serving.storage.asks import LEAD
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import Cause, FirstLook, Inspection
from regrade.serving.storage.tables import ask_ends, inspection_photos, inspections, revision_photos, revisions, tasks

NOBODY: Final = {"lease_key_id": None, "lease_hash": None, "lease_expires_at": None, "leased_at": None}
"""What stands in a task that nobody holds."""
_LIVE: Final = ("open", "away")
_PHOTO: Final = tuple(column.name for column in inspection_photos.c if column.name != "inspection_id")


@dataclass(frozen=True, slots=True)
class Change:
    """Who has an inspection graded anew, when, why, under which idempotency key and with which body (its digest), and
    by what exactly it was graded."""

    by: ApiKey
    at: datetime
    cause: Cause
    idempotency_key: str | None
    body_digest: str
    provenance: Provenance


class RevisionStore:
    """Stores new revisions of inspections, and finds earlier ones. Methods block; arguments as of `InspectionStore`."""

    def __init__(
        self,
        database: Database,
        first_look: FirstLooks,
        signer: Signer,
        pseudonym: Callable[[str], str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._first_look = first_look
        self._signer = signer
        self._pseudonym = pseudonym
        self._now = now

    def open(self, inspection_id: str) -> Inspection:
        """An inspection that may be graded anew. Raises `NotFoundError`, and as `refuse_closed` does."""
        with self._database.read() as connection:
            found = find(connection, inspection_id)
            refuse_closed(connection, found, self._now())
        return found

    def add(self, new: Inspection, change: Change) -> Inspection:
        """Store the next revision durably, signed; see `regrade`.

        Raises `DuplicateKeyError` where its idempotency key is taken, and `StorageError`.
        """
        try:
            with self._database.write() as connection:
                return regrade(connection, self._signer, self._first_look, new, change)
        except IntegrityError as error:
            if change.idempotency_key and self.under(change.by.id, change.idempotency_key) is not None:
                raise DuplicateKeyError from error
            raise

    def under(self, key_id: str, idempotency_key: str) -> tuple[str, str, int] | None:
        """The inspection, the digest of the body and the revision that came of it, with which the holder of a key used
        an idempotency key."""
        known = (idempotency_key, self._pseudonym(idempotency_key))
        with self._database.read() as connection:
            for table, item, number in (
                (revisions, revisions.c.inspection_id, revisions.c.number),
                (inspections, inspections.c.id, literal(1)),
            ):
                mine = (table.c.key_id == key_id, table.c.idempotency_key.in_(known))
                query = select(item, table.c.body_digest, number.label("number")).where(*mine)
                if (row := connection.execute(query).first()) is not None:
                    return row[0], row[1], row[2]
        return None

    def revision(self, inspection: Inspection, number: int) -> Inspection:
        """One of its revisions; see `revision_of`."""
        with self._database.read() as connection:
            return revision_of(connection, inspection, number)


def refuse_closed(connection: Connection, before: Inspection, now: datetime, *, held: bool = True) -> None:
    """Raises `ErasedError`, and `RevisionError` where a human has decided on an inspection, or with `held` is about
    to: whoever has it before them looks at photos that must not change, and waits for a count of its pieces."""
    before.refuse_erased()
    if (decided := before.decided_by) is not None:
        raise RevisionError(Message("problem.revision_decided", {"by": decided.reviewer}))
    if not held:
        return
    lease = select(tasks.c.id).where(
        tasks.c.inspection_id == before.id, tasks.c.state == "open", tasks.c.lease_expires_at > now
    )
    if connection.execute(lease.limit(1)).first() is not None:
        raise RevisionError(Message("problem.revision_held"))


def regrade(
    connection: Connection, signer: Signer, first_look: FirstLooks, new: Inspection, change: Change
) -> Inspection:
    """Store `new`, the next revision of an inspection, and return it as it then stands.

    Raises as `refuse_closed` does, and `RevisionError` where another revision came in between.
    """
    before = find(connection, new.id, lock=True)
    refuse_closed(connection, before, change.at, held=change.cause != "pieces")
    if before.revision + 1 != new.revision:
        raise RevisionError(Message("problem.revision_raced"))
    begin(connection, signer, new.id)
    new = replace(new, asks=before.asks, reviews=before.reviews)
    if new.ask is not None and new.status == "graded":
        new = _still_asked(new)
    rows = {row.kind: row for row in connection.execute(_of_tasks(new.id)).all()}
    look = first_look(new)
    share = None if look.kind == "unsure" else look.share
    _keep_old(connection, before, change)
    _write(connection, new, change, share)
    _follow(connection, rows, new, look, change)
    ended = _end_asks(connection, before, new, change)
    row = {**columns_of(new), "sample_share": share}
    said = {"number": new.revision, "cause": change.cause, "key_id": change.by.id, "asks": ended}
    asked = {"idempotency_key": change.idempotency_key, "body_digest": change.body_digest}
    body = regraded(connection, {**row, **said, **asked}, photo_rows(new), change.provenance)
    append_step(connection, signer, new.id, "regraded", body, at=change.at)
    detail = {"revision": new.revision, "cause": change.cause, "status": new.status, "photos": len(new.photos)}
    record(connection, change.at, change.by, "regrade", inspection_id=new.id, detail=detail)
    note(connection, "inspection.graded", new, change.at)
    return find(connection, new.id)


def _still_asked(new: Inspection) -> Inspection:
    """What somebody has asked about, they look at, however sure the model is now."""
    assert new.decision is not None
    return replace(
        new, status="needs_review", decision=replace(new.decision, review=(Reason("desk_asked"),), who="desk")
    )


def _of_tasks(inspection_id: str) -> Any:
    return select(tasks).where(tasks.c.inspection_id == inspection_id).with_for_update()


def _keep_old(connection: Connection, before: Inspection, change: Change) -> None:
    """Put what the inspection was, and its photos, beside it."""
    kept = ("status", "result", "decision", "sample_share", "identity", "pieces")
    query = select(*(inspections.c[name] for name in kept)).where(inspections.c.id == before.id)
    was = dict(connection.execute(query).mappings().one())
    asked = {"idempotency_key": change.idempotency_key, "body_digest": change.body_digest, "cause": change.cause}
    own = {"inspection_id": before.id, "number": before.revision + 1, "at": change.at, "key_id": change.by.id}
    declared = before.item.get("category")
    connection.execute(insert(revisions).values(**own, **asked, **was, declared=declared))
    columns = (inspection_photos.c.inspection_id, *(inspection_photos.c[name] for name in _PHOTO))
    photos = select(*columns, literal(before.revision).label("revision"))
    photos = photos.where(inspection_photos.c.inspection_id == before.id)
    names = ["inspection_id", *_PHOTO, "revision"]
    connection.execute(insert(revision_photos).from_select(names, photos))
    connection.execute(delete(inspection_photos).where(inspection_photos.c.inspection_id == before.id))


def _write(connection: Connection, new: Inspection, change: Change, share: float | None) -> None:
    made_once = ("id", "created_at", "key_id", "idempotency_key", "body_digest", "rma", "seller", "sku", "station")
    values = {name: value for name, value in columns_of(new).items() if name not in made_once}
    values |= {"updated_at": change.at, "sample_share": share}
    connection.execute(update(inspections).where(inspections.c.id == new.id).values(values))
    connection.execute(insert(inspection_photos), photo_rows(new))


def _follow(
    connection: Connection, rows: Mapping[str, Row[Any]], new: Inspection, look: FirstLook, change: Change
) -> None:
    """Bring the task for the first look in line with the new revision; later looks there are none at what is open."""
    category = update(tasks).where(tasks.c.inspection_id == new.id)
    connection.execute(category.values(category=columns_of(new)["category"] or tasks.c.category))
    if new.status == "retake":
        away = update(tasks).where(tasks.c.inspection_id == new.id, tasks.c.state.in_(_LIVE))
        connection.execute(away.values(state="away", **NOBODY))
        return
    live = {kind: row for kind, row in rows.items() if row.state in _LIVE}
    other = live.get("sample" if look.kind == "unsure" else "unsure")
    if look.kind == "unsure" and other is not None and "unsure" not in rows:
        _renew(connection, other, new, look, change, kind="unsure")
        return
    if other is not None:
        connection.execute(update(tasks).where(tasks.c.id == other.id).values(state="void", **NOBODY))
    if look.kind is None:
        if (drawn := live.get("sample")) is not None:  # the share was lowered since; who was to look may have begun
            _renew(connection, drawn, new, replace(look, kind="sample", share=drawn.share), change)
    elif (row := rows.get(look.kind)) is not None:
        _renew(connection, row, new, look, change)
    else:
        values = task_row(columns_of(new), look) | {"created_at": change.at}
        connection.execute(insert(tasks).values(values))


def _renew(
    connection: Connection, row: Row[Any], new: Inspection, look: FirstLook, change: Change, **also: str
) -> None:
    """Let a task ask for a look at the new revision; who waited in the queue keeps the place."""
    copies = task_row(columns_of(new), look)
    fresh = {name: copies[name] for name in ("category", "share", "reason", "value")}
    since = row.created_at if row.state in _LIVE else change.at
    # Photos that the desk has asked for are still to come where nothing else than a category or a count was sent.
    waits = change.cause != "photos" and new.ask is not None and new.ask.kind == "photos"
    route = row.route if change.cause != "photos" or row.route != LEAD else None
    state = "away" if waits else "open"
    # Who has it before them keeps it where its pieces were counted: photos and grade are the same.
    let_go = {} if change.cause == "pieces" and row.state == "open" else NOBODY
    values = {**fresh, "state": state, "created_at": since, "done_at": None, "route": route, **let_go, **also}
    connection.execute(update(tasks).where(tasks.c.id == row.id).values(values))


def _end_asks(connection: Connection, before: Inspection, new: Inspection, change: Change) -> list[str]:
    """End what new photos answer; returns the ids of it. Who could not tell may be able to now."""
    if new.status == "retake" or change.cause != "photos":
        return []
    answered = [ask.id for ask in before.asks if ask.ended is None and ask.kind != "escalate"]
    own = {"at": change.at, "key_id": change.by.id, "name": change.by.name, "how": "photos", "note": None}
    if answered:
        connection.execute(insert(ask_ends), [{"ask_id": one, **own} for one in answered])
    return answered
