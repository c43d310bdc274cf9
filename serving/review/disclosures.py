"""To whom it was shown what the model or others found of an item: they are never given a blind look at it later.

What is noted: a claim of an item that the model asked about, whether it was decided then or given back, and every
single reading of an item that was not hidden (see `regrade.serving.inspections.visibility`). Only for keys that may
review, and only of items of which a human owes or has owed a look: no blind look ever follows at others.

A claim counts whether or not the page has come to show the item, also of one that it loads ahead: its answer has taken
what was found to the reviewer's computer, where it can be read, and that a page has not shown it is only its own word.
This errs on the safe side. In simulations, two reviewers who go away after every 15 items lose 4 of 100 second looks to
items that were loaded ahead, given back, and decided by the other; with a third reviewer somebody is left for them.
"""

import threading
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, FromClause, exists, insert, select

from regrade.serving.access.audit import record
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import StorageError
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys, disclosures, tasks


class Disclosures:
    """Writes down what readers are shown. Where the disk has no room for that, what they want to see is shown all the
    same, kept in mind, and written down before the next item is given to anybody; but not where other processes give
    items too, which would not know."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._late: dict[tuple[str, str], tuple[ApiKey, datetime]] = {}
        """Reader and inspection → when it was shown first."""
        self._lock = threading.Lock()

    def note(self, reader: ApiKey, ids: Sequence[str], at: datetime) -> None:
        """Note that `reader` was shown the inspections `ids`, now or as soon as there is room.

        Raises `StorageError` where others share the database and it cannot be noted: then nothing may be shown.
        """
        with self._lock:
            for inspection_id in ids:
                self._late.setdefault((reader.id, inspection_id), (reader, at))
            with nullcontext() if self._database.shared else suppress(StorageError):
                self._write()

    def catch_up(self) -> None:
        """Write down what is still to be. Raises `StorageError`."""
        if self._late:
            with self._lock:
                self._write()

    def _write(self) -> None:
        with self._database.write() as connection:
            for (_, inspection_id), (reader, at) in self._late.items():
                note(connection, reader, [inspection_id], at)
        self._late.clear()


def disclosed(
    key_id: str | ColumnElement[str], item: FromClause, inspection_id: ColumnElement[str]
) -> ColumnElement[bool]:
    """Whether the holder of a key was shown what was found of the inspection in a row of `item`."""
    mine = exists().where(disclosures.c.inspection_id == inspection_id, disclosures.c.key_id == key_id)
    return mine.correlate(item, api_keys)


def unknown(connection: Connection, reader: ApiKey, ids: Sequence[str]) -> list[str]:
    """Those of the inspections `ids` of which it must be noted that `reader` sees them, and is not yet."""
    if not ids or not reader.may("reviewer"):
        return []
    new = ~disclosed(reader.id, tasks, tasks.c.inspection_id)
    query = select(tasks.c.inspection_id).where(tasks.c.inspection_id.in_(ids), new).distinct()
    return list(connection.execute(query).scalars())


def note(connection: Connection, reader: ApiKey, ids: Sequence[str], at: datetime) -> None:
    """Note that `reader` was shown the inspections `ids`, and put it into the audit trail."""
    for inspection_id in unknown(connection, reader, ids):
        note_claim(connection, reader, inspection_id, at)
        record(connection, at, reader, "view", inspection_id=inspection_id)


def note_claim(connection: Connection, reviewer: ApiKey, inspection_id: str, at: datetime) -> None:
    """Note that a claim showed `reviewer` an item; that it was claimed is in the audit trail anyway."""
    known = select(disclosures.c.key_id).where(
        disclosures.c.inspection_id == inspection_id, disclosures.c.key_id == reviewer.id
    )
    if connection.execute(known).first() is None:
        values = {"inspection_id": inspection_id, "key_id": reviewer.id, "at": at}
        connection.execute(insert(disclosures).values(values))
